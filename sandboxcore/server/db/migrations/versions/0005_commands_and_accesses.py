"""What was run in sandboxes, and who used them in other ways."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RUNNING = sa.text("status = 'running'")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "commands",
        sa.Column("sandbox_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("command_cut", sa.Boolean(), nullable=False),
        sa.Column("cwd", sa.Text(), nullable=True),
        sa.Column("env_names", sa.Text(), nullable=False),
        sa.Column("pty", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("stdout_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stderr_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_commands_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sandbox_id", "id", name=op.f("pk_commands")),
    )
    op.create_index(op.f("ix_commands_workspace_id"), "commands", ["workspace_id"], unique=False)
    op.create_index("ix_commands_sandbox_id_started_at", "commands", ["sandbox_id", "started_at"], unique=False)
    op.create_index(
        "ix_commands_running",
        "commands",
        ["workspace_id", "sandbox_id"],
        unique=False,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_table(
        "accesses",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("sandbox_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_accesses_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accesses")),
    )
    op.create_index(op.f("ix_accesses_workspace_id"), "accesses", ["workspace_id"], unique=False)
    op.create_index("ix_accesses_sandbox_id_at", "accesses", ["sandbox_id", "at"], unique=False)


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_accesses_sandbox_id_at", table_name="accesses")
    op.drop_index(op.f("ix_accesses_workspace_id"), table_name="accesses")
    op.drop_table("accesses")
    op.drop_index("ix_commands_running", table_name="commands", sqlite_where=_RUNNING, postgresql_where=_RUNNING)
    op.drop_index("ix_commands_sandbox_id_started_at", table_name="commands")
    op.drop_index(op.f("ix_commands_workspace_id"), table_name="commands")
    op.drop_table("commands")
