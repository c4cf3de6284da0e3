"""Limits, keys of the admin API, events, what ended, the ledger of usage, pools' claims and service tokens."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from alembic import op

from sandboxcore.server.quantity import parse_bytes, parse_millis

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HELD = ("cpu_millis", "memory_bytes", "storage_bytes")
_TEMPLATES = sa.table("templates", *map(sa.column, ("id", "name", "cpu", "memory", "storage")))
_POOLS = sa.table("pools", *map(sa.column, ("id", "name")))
_OWN = ("id", "workspace_id", "state", "created_at", "created_by")
_SANDBOXES = sa.table("sandboxes", *map(sa.column, (*_OWN, "template_id", "pool_id", "warm", *_HELD)))
_VOLUMES = sa.table("volumes", *map(sa.column, (*_OWN, "size", "wanted_size", "held_bytes")))
_ALLOCATION = ("id", "workspace_id", "subject_kind", "subject_id", "template_name", "creator", "started_at", *_HELD)
_ALLOCATIONS = sa.table("allocations", *map(sa.column, _ALLOCATION))


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "admin_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("revoked_by", sa.String(length=200), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admin_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_admin_keys_public_id")),
    )
    op.create_table(
        "allocations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("template_name", sa.String(length=63), nullable=False),
        sa.Column("creator", sa.String(length=200), nullable=False),
        sa.Column("cpu_millis", sa.BigInteger(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("cpu_used_seconds", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_allocations_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
    )
    op.create_index(
        "ix_allocations_subject_id_ended_at",
        "allocations",
        ["subject_id", "ended_at"],
        unique=False,
    )
    op.create_index(op.f("ix_allocations_ended_at"), "allocations", ["ended_at"], unique=False)
    op.create_index("ix_allocations_workspace_id_ended_at", "allocations", ["workspace_id", "ended_at"], unique=False)
    op.create_table(
        "ended_sandboxes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("template_name", sa.String(length=63), nullable=False),
        sa.Column("pool_name", sa.String(length=63), nullable=True),
        sa.Column("status_kind", sa.String(length=32), nullable=True),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("stop_reason", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("ended_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("ready_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_ended_sandboxes_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sandboxes")),
    )
    op.create_index(
        "ix_ended_sandboxes_workspace_id_ended_at", "ended_sandboxes", ["workspace_id", "ended_at"], unique=False
    )
    op.create_table(
        "events",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("subject_name", sa.String(length=200), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_events_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "number", name=op.f("pk_events")),
    )
    op.create_index(
        "ix_events_workspace_id_subject_id_number", "events", ["workspace_id", "subject_id", "number"], unique=False
    )
    op.create_table(
        "pool_claims",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("pool_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("hit", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["pools.id"], name=op.f("fk_pool_claims_pool_id_pools"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool_claims")),
    )
    op.create_index(
        "ix_pool_claims_pool_id_at",
        "pool_claims",
        ["pool_id", "at"],
        unique=False,
    )
    op.create_table(
        "service_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("sandbox_id", sa.String(length=36), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_service_tokens_key_id_api_keys"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sandbox_id"], ["sandboxes.id"], name=op.f("fk_service_tokens_sandbox_id_sandboxes"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_service_tokens_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_service_tokens_token_sha256")),
    )
    op.create_index(
        op.f("ix_service_tokens_expires_at"),
        "service_tokens",
        ["expires_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_service_tokens_sandbox_id"),
        "service_tokens",
        ["sandbox_id"],
        unique=False,
    )
    op.add_column("pools", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("pools", sa.Column("retry_at", sa.Double(), nullable=True))
    op.add_column("pools", sa.Column("limited", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("sandboxes", sa.Column("starter", sa.String(length=36), nullable=True))
    op.add_column("sandboxes", sa.Column("start_lease_until", sa.Double(), nullable=True))
    op.add_column("sandboxes", sa.Column("cpu_millis", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("sandboxes", sa.Column("memory_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("sandboxes", sa.Column("storage_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(
        "ix_sandboxes_workspace_id_held",
        "sandboxes",
        ["workspace_id", "cpu_millis", "memory_bytes", "storage_bytes"],
        unique=False,
    )
    op.create_index(
        "ix_sandboxes_workspace_id_created_at",
        "sandboxes",
        ["workspace_id", "created_at"],
        unique=False,
    )
    op.add_column("volumes", sa.Column("held_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("workspaces", sa.Column("event_count", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("workspaces", sa.Column("deleting_at", sa.Double(), nullable=True))
    op.add_column("workspaces", sa.Column("max_sandboxes", sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("max_cpu_millis", sa.BigInteger(), nullable=True))
    op.add_column("workspaces", sa.Column("max_memory_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workspaces", sa.Column("max_storage_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workspaces", sa.Column("max_volumes", sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("max_pools", sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("max_ttl_seconds", sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("default_ttl_seconds", sa.Integer(), nullable=True))
    op.add_column("workspaces", sa.Column("default_idle_ttl_seconds", sa.Integer(), nullable=True))
    _fill_sandboxes(op.get_bind())
    _fill_volumes(op.get_bind())
    _open_sandboxes(op.get_bind())
    _open_volumes(op.get_bind())


def _fill_sandboxes(connection: sa.Connection) -> None:
    for row in connection.execute(sa.select(_TEMPLATES)).all():
        held = {
            "cpu_millis": parse_millis(row.cpu),
            "memory_bytes": parse_bytes(row.memory),
            "storage_bytes": parse_bytes(row.storage),
        }
        holding = (_SANDBOXES.c.template_id == row.id, _SANDBOXES.c.state != "failed")
        connection.execute(sa.update(_SANDBOXES).where(*holding).values(held))


def _fill_volumes(connection: sa.Connection) -> None:
    for row in connection.execute(sa.select(_VOLUMES).where(_VOLUMES.c.state != "failed")).all():
        held = max(parse_bytes(row.size), parse_bytes(row.wanted_size or row.size))
        connection.execute(sa.update(_VOLUMES).where(_VOLUMES.c.id == row.id).values(held_bytes=held))


def _open_sandboxes(connection: sa.Connection) -> None:
    """What lives already has held since it was made."""
    query = (
        sa.select(_SANDBOXES, _TEMPLATES.c.name.label("template_name"), _POOLS.c.name.label("pool_name"))
        .join(_TEMPLATES, _TEMPLATES.c.id == _SANDBOXES.c.template_id)
        .outerjoin(_POOLS, _POOLS.c.id == _SANDBOXES.c.pool_id)
        .where(_SANDBOXES.c.state.in_(("provisioning", "ready")))
    )
    for row in connection.execute(query).all():
        values = {
            **_open(row),
            "subject_kind": "warm" if row.warm else "sandbox",
            "template_name": row.template_name,
            "creator": f"pool:{row.pool_name}" if row.warm else row.created_by,
            **{column: getattr(row, column) for column in _HELD},
        }
        connection.execute(sa.insert(_ALLOCATIONS).values(values))


def _open_volumes(connection: sa.Connection) -> None:
    for row in connection.execute(sa.select(_VOLUMES).where(_VOLUMES.c.state == "ready")).all():
        values = {
            **_open(row),
            "subject_kind": "volume",
            "template_name": "",
            "creator": row.created_by,
            "cpu_millis": 0,
            "memory_bytes": 0,
            "storage_bytes": parse_bytes(row.size),
        }
        connection.execute(sa.insert(_ALLOCATIONS).values(values))


def _open(row: sa.Row[Any]) -> dict[str, Any]:
    subject = {"subject_id": row.id, "workspace_id": row.workspace_id, "started_at": row.created_at}
    return {"id": str(uuid.uuid4()), **subject}


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("workspaces", "default_idle_ttl_seconds")
    op.drop_column("workspaces", "default_ttl_seconds")
    op.drop_column("workspaces", "max_ttl_seconds")
    op.drop_column("workspaces", "max_pools")
    op.drop_column("workspaces", "max_volumes")
    op.drop_column("workspaces", "max_storage_bytes")
    op.drop_column("workspaces", "max_memory_bytes")
    op.drop_column("workspaces", "max_cpu_millis")
    op.drop_column("workspaces", "max_sandboxes")
    op.drop_column("workspaces", "deleting_at")
    op.drop_column("workspaces", "event_count")
    op.drop_column("volumes", "held_bytes")
    op.drop_index("ix_sandboxes_workspace_id_created_at", table_name="sandboxes")
    op.drop_index("ix_sandboxes_workspace_id_held", table_name="sandboxes")
    op.drop_column("sandboxes", "storage_bytes")
    op.drop_column("sandboxes", "memory_bytes")
    op.drop_column("sandboxes", "cpu_millis")
    op.drop_column("sandboxes", "start_lease_until")
    op.drop_column("sandboxes", "starter")
    op.drop_column("pools", "limited")
    op.drop_column("pools", "retry_at")
    op.drop_column("pools", "failures")
    op.drop_index(op.f("ix_service_tokens_sandbox_id"), table_name="service_tokens")
    op.drop_index(op.f("ix_service_tokens_expires_at"), table_name="service_tokens")
    op.drop_table("service_tokens")
    op.drop_index("ix_pool_claims_pool_id_at", table_name="pool_claims")
    op.drop_table("pool_claims")
    op.drop_index("ix_events_workspace_id_subject_id_number", table_name="events")
    op.drop_table("events")
    op.drop_index("ix_ended_sandboxes_workspace_id_ended_at", table_name="ended_sandboxes")
    op.drop_table("ended_sandboxes")
    op.drop_index("ix_allocations_workspace_id_ended_at", table_name="allocations")
    op.drop_index(op.f("ix_allocations_ended_at"), table_name="allocations")
    op.drop_index("ix_allocations_subject_id_ended_at", table_name="allocations")
    op.drop_table("allocations")
    op.drop_table("admin_keys")
