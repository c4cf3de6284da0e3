"""How far a volume is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("volumes", sa.Column("state", sa.String(length=16), nullable=False, server_default="ready"))
    op.add_column("volumes", sa.Column("status_message", sa.Text(), nullable=True))
    op.add_column("volumes", sa.Column("wanted_size", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Take the change back."""
    for name in ("wanted_size", "status_message", "state"):
        op.drop_column("volumes", name)
