"""Counting a workspace's sandboxes by state, and finding its idlest, from one index."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
NAME = "ix_sandboxes_workspace_id_warm_state_last_activity_at"


def upgrade() -> None:
    """Make the change."""
    op.create_index(NAME, "sandboxes", ["workspace_id", "warm", "state", "last_activity_at"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_index(NAME, "sandboxes")
