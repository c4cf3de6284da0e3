"""What sandboxes use over time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "reading_rounds",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("coarse", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reading_rounds")),
    )
    op.create_table(
        "readings",
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sandbox_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("cpu_seconds", sa.Double(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=True),
        sa.Column("pids", sa.Integer(), nullable=True),
        sa.Column("rx_bytes", sa.BigInteger(), nullable=True),
        sa.Column("tx_bytes", sa.BigInteger(), nullable=True),
        sa.Column("oom_kills", sa.BigInteger(), nullable=True),
        sa.Column("throttled_seconds", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("round", "sandbox_id", name=op.f("pk_readings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workspace_readings",
        sa.Column("round", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("cpu_millis", sa.BigInteger(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sandboxes", sa.Integer(), nullable=False),
        sa.Column("warm", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("round", "workspace_id", name=op.f("pk_workspace_readings")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take the change back."""
    for table in ("workspace_readings", "readings", "reading_rounds"):
        op.drop_table(table)
