"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("name", name=op.f("uq_workspaces_name")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("acts_for_people", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("revoked_by", sa.String(length=200), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_api_keys_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_keys_public_id")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_workspace_id"), ["workspace_id"], unique=False)

    op.create_table(
        "templates",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("image", sa.String(length=512), nullable=False),
        sa.Column("cpu", sa.String(length=32), nullable=False),
        sa.Column("memory", sa.String(length=32), nullable=False),
        sa.Column("storage", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_templates_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    with op.batch_alter_table("templates", schema=None) as batch_op:
        batch_op.create_index("uq_templates_workspace_id_name", ["workspace_id", "name"], unique=True)

    op.create_table(
        "volumes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("size", sa.String(length=32), nullable=False),
        sa.Column("storage_class", sa.String(length=63), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_volumes_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_volumes")),
    )
    with op.batch_alter_table("volumes", schema=None) as batch_op:
        batch_op.create_index("uq_volumes_workspace_id_name", ["workspace_id", "name"], unique=True)

    op.create_table(
        "pools",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("template_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("replicas", sa.Integer(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name=op.f("fk_pools_template_id_templates"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_pools_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pools")),
    )
    with op.batch_alter_table("pools", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pools_template_id"), ["template_id"], unique=False)
        batch_op.create_index("uq_pools_workspace_id_name", ["workspace_id", "name"], unique=True)

    op.create_table(
        "template_mounts",
        sa.Column("template_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("volume_id", sa.String(length=36), nullable=False),
        sa.Column("mount_path", sa.String(length=1024), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name=op.f("fk_template_mounts_template_id_templates"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["volume_id"], ["volumes.id"], name=op.f("fk_template_mounts_volume_id_volumes"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("template_id", "position", name=op.f("pk_template_mounts")),
    )
    with op.batch_alter_table("template_mounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_template_mounts_volume_id"), ["volume_id"], unique=False)

    op.create_table(
        "sandboxes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("template_id", sa.String(length=36), nullable=True),
        sa.Column("pool_id", sa.String(length=36), nullable=True),
        sa.Column("warm", sa.Boolean(), nullable=False),
        sa.Column("awaited", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("status_kind", sa.String(length=32), nullable=True),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("stop_reason", sa.String(length=64), nullable=True),
        sa.Column("shim_socket", sa.String(length=1024), nullable=True),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("ttl_seconds", sa.Integer(), nullable=False),
        sa.Column("idle_ttl_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("ready_at", sa.Double(), nullable=True),
        sa.Column("last_activity_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["pools.id"], name=op.f("fk_sandboxes_pool_id_pools"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name=op.f("fk_sandboxes_template_id_templates"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_sandboxes_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandboxes")),
    )
    with op.batch_alter_table("sandboxes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sandboxes_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index("ix_sandboxes_pool_id_warm_state", ["pool_id", "warm", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_sandboxes_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_sandboxes_template_id"), ["template_id"], unique=False)
        batch_op.create_index(
            "uq_sandboxes_workspace_id_idempotency_key",
            ["workspace_id", "idempotency_key"],
            unique=True,
            sqlite_where=sa.text("idempotency_key IS NOT NULL AND state != 'deleting'"),
            postgresql_where=sa.text("idempotency_key IS NOT NULL AND state != 'deleting'"),
        )
        batch_op.create_index(
            "uq_sandboxes_workspace_id_name",
            ["workspace_id", "name"],
            unique=True,
            sqlite_where=sa.text("state != 'deleting'"),
            postgresql_where=sa.text("state != 'deleting'"),
        )


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("sandboxes", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sandboxes_workspace_id_name",
            sqlite_where=sa.text("state != 'deleting'"),
            postgresql_where=sa.text("state != 'deleting'"),
        )
        batch_op.drop_index(
            "uq_sandboxes_workspace_id_idempotency_key",
            sqlite_where=sa.text("idempotency_key IS NOT NULL AND state != 'deleting'"),
            postgresql_where=sa.text("idempotency_key IS NOT NULL AND state != 'deleting'"),
        )
        batch_op.drop_index(batch_op.f("ix_sandboxes_template_id"))
        batch_op.drop_index(batch_op.f("ix_sandboxes_state"))
        batch_op.drop_index("ix_sandboxes_pool_id_warm_state")
        batch_op.drop_index(batch_op.f("ix_sandboxes_expires_at"))

    op.drop_table("sandboxes")
    with op.batch_alter_table("template_mounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_template_mounts_volume_id"))

    op.drop_table("template_mounts")
    with op.batch_alter_table("pools", schema=None) as batch_op:
        batch_op.drop_index("uq_pools_workspace_id_name")
        batch_op.drop_index(batch_op.f("ix_pools_template_id"))

    op.drop_table("pools")
    with op.batch_alter_table("volumes", schema=None) as batch_op:
        batch_op.drop_index("uq_volumes_workspace_id_name")

    op.drop_table("volumes")
    with op.batch_alter_table("templates", schema=None) as batch_op:
        batch_op.drop_index("uq_templates_workspace_id_name")

    op.drop_table("templates")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_workspace_id"))

    op.drop_table("api_keys")
    op.drop_table("workspaces")
