"""Tables. Moments are seconds since the epoch; identifiers are UUIDs as text, so that both databases hold the same."""

from __future__ import annotations

from sqlalchemy import Boolean, Double, ForeignKey, Index, Integer, MetaData, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
ID = String(36)
NAME = String(63)
QUANTITY = String(32)


class Base(DeclarativeBase):
    """Root of all tables."""

    metadata = MetaData(naming_convention=NAMING)


class Workspace(Base):
    """Who owns things; no call sees another workspace's."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME, unique=True)
    created_at: Mapped[float] = mapped_column(Double)


class ApiKey(Base):
    """A key of a workspace; only the hash of its secret is kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[str] = mapped_column(String(64))
    """Comma-separated: read, run, manage."""
    acts_for_people: Mapped[bool] = mapped_column(Boolean)
    """Whether this key may name the person it acts for."""
    created_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[float | None] = mapped_column(Double)
    revoked_at: Mapped[float | None] = mapped_column(Double)
    revoked_by: Mapped[str | None] = mapped_column(String(200))
    last_used_at: Mapped[float | None] = mapped_column(Double)


class Template(Base):
    """What a sandbox is made from."""

    __tablename__ = "templates"
    __table_args__ = (Index("uq_templates_workspace_id_name", "workspace_id", "name", unique=True),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(NAME)
    image: Mapped[str] = mapped_column(String(512))
    cpu: Mapped[str] = mapped_column(QUANTITY)
    memory: Mapped[str] = mapped_column(QUANTITY)
    storage: Mapped[str] = mapped_column(QUANTITY)
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))

    mounts: Mapped[list[TemplateMount]] = relationship(
        order_by="TemplateMount.position", cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )


class Volume(Base):
    """Storage that outlives sandboxes.

    ``state`` goes ``provisioning → ready | failed``, and from each to ``deleting``, whose row the API no longer shows
    and which vanishes when the runtime has removed the volume.
    """

    __tablename__ = "volumes"
    __table_args__ = (Index("uq_volumes_workspace_id_name", "workspace_id", "name", unique=True),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(NAME)
    size: Mapped[str] = mapped_column(QUANTITY)
    wanted_size: Mapped[str | None] = mapped_column(QUANTITY)
    """To which a ready volume is growing, else empty."""
    storage_class: Mapped[str] = mapped_column(String(63))
    state: Mapped[str] = mapped_column(String(16), server_default="ready")
    status_message: Mapped[str | None] = mapped_column(Text)
    """Why it could not be made, where it could not."""
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))


class TemplateMount(Base):
    """A volume that a template mounts, and where."""

    __tablename__ = "template_mounts"

    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    volume_id: Mapped[str] = mapped_column(ForeignKey("volumes.id", ondelete="RESTRICT"), index=True)
    mount_path: Mapped[str] = mapped_column(String(1024))

    volume: Mapped[Volume] = relationship(lazy="raise")


class Pool(Base):
    """How many sandboxes of a template are to be kept warm."""

    __tablename__ = "pools"
    __table_args__ = (Index("uq_pools_workspace_id_name", "workspace_id", "name", unique=True),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str] = mapped_column(NAME)
    replicas: Mapped[int] = mapped_column(Integer)
    status_message: Mapped[str | None] = mapped_column(Text)
    """Why the pool cannot be filled, where it cannot."""
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))


class Sandbox(Base):
    """One sandbox that is wanted, or one on its way out.

    ``state`` goes ``provisioning → ready | failed``, ``ready → failed``, and from each to ``deleting``, whose row the
    API no longer shows and which vanishes when the runtime has let go. A pool's warm sandbox has ``warm`` set until it
    is claimed.
    """

    __tablename__ = "sandboxes"
    __table_args__ = (
        Index(
            "uq_sandboxes_workspace_id_name",
            "workspace_id",
            "name",
            unique=True,
            sqlite_where=text("state != 'deleting'"),
            postgresql_where=text("state != 'deleting'"),
        ),
        Index(
            "uq_sandboxes_workspace_id_idempotency_key",
            "workspace_id",
            "idempotency_key",
            unique=True,
            sqlite_where=text("idempotency_key IS NOT NULL AND state != 'deleting'"),
            postgresql_where=text("idempotency_key IS NOT NULL AND state != 'deleting'"),
        ),
        Index("ix_sandboxes_pool_id_warm_state", "pool_id", "warm", "state"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    template_id: Mapped[str | None] = mapped_column(ForeignKey("templates.id", ondelete="SET NULL"), index=True)
    """Empty only while ``deleting``."""
    pool_id: Mapped[str | None] = mapped_column(ForeignKey("pools.id", ondelete="SET NULL"))
    warm: Mapped[bool] = mapped_column(Boolean)
    awaited: Mapped[bool] = mapped_column(Boolean)
    """Its creator waits for the answer and knows no name yet: when nobody waits any more, nobody can ever use it."""
    name: Mapped[str] = mapped_column(NAME)
    state: Mapped[str] = mapped_column(String(16), index=True)
    status_kind: Mapped[str | None] = mapped_column(String(32))
    """The wire protocol's word for why the start failed."""
    status_message: Mapped[str | None] = mapped_column(Text)
    stop_reason: Mapped[str | None] = mapped_column(String(64))
    shim_socket: Mapped[str | None] = mapped_column(String(1024))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    ttl_seconds: Mapped[int] = mapped_column(Integer)
    idle_ttl_seconds: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[float | None] = mapped_column(Double, index=True)
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)
    ready_at: Mapped[float | None] = mapped_column(Double)
    last_activity_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))

    template: Mapped[Template | None] = relationship(lazy="raise")
    pool: Mapped[Pool | None] = relationship(lazy="raise")

    @property
    def template_name(self) -> str:
        """The present name of its template, which must be loaded."""
        return self.template.name if self.template else ""

    @property
    def pool_name(self) -> str | None:
        """The present name of the pool that it came from, which must be loaded."""
        return self.pool.name if self.pool else None
