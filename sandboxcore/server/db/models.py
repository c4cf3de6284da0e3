"""Tables. Moments are seconds since the epoch; identifiers are UUIDs as text, so that both databases hold the same."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, query_expression, relationship

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
    event_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The number of its newest event."""
    deleting_at: Mapped[float | None] = mapped_column(Double)
    """Since when it is being deleted with all that it holds; its keys have ended, and its name is free."""

    max_sandboxes: Mapped[int | None] = mapped_column(Integer)
    """Limits of what all its sandboxes, volumes and pools hold together; empty is none."""
    max_cpu_millis: Mapped[int | None] = mapped_column(BigInteger)
    max_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_storage_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_volumes: Mapped[int | None] = mapped_column(Integer)
    max_pools: Mapped[int | None] = mapped_column(Integer)
    max_ttl_seconds: Mapped[int | None] = mapped_column(Integer)
    """Lifetimes of its sandboxes; empty is what the server's settings say."""
    default_ttl_seconds: Mapped[int | None] = mapped_column(Integer)
    default_idle_ttl_seconds: Mapped[int | None] = mapped_column(Integer)


class AdminKey(Base):
    """A key of the admin API, of no workspace; only the hash of its secret is kept."""

    __tablename__ = "admin_keys"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[float | None] = mapped_column(Double)
    revoked_at: Mapped[float | None] = mapped_column(Double)
    revoked_by: Mapped[str | None] = mapped_column(String(200))
    last_used_at: Mapped[float | None] = mapped_column(Double)


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
    sandbox_count: Mapped[int | None] = query_expression()
    """How many sandboxes use it, only where a list is sorted by it."""


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
    held_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """What it counts for in its workspace's limits: the larger of ``size`` and ``wanted_size``; 0 when it failed."""
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
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Attempts to fill it that failed in a row."""
    retry_at: Mapped[float | None] = mapped_column(Double)
    """Until when nothing is started after a failure, else empty."""
    limited: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    """Whether ``status_message`` is the word of a limit rather than of a failure."""
    created_at: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(200))


class PoolClaim(Base):
    """One create call for a template that has a pool: whether a warm sandbox was there, and how long it took."""

    __tablename__ = "pool_claims"
    __table_args__ = (Index("ix_pool_claims_pool_id_at", "pool_id", "at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    pool_id: Mapped[str] = mapped_column(ForeignKey("pools.id", ondelete="CASCADE"))
    at: Mapped[float] = mapped_column(Double)
    hit: Mapped[bool] = mapped_column(Boolean)
    seconds: Mapped[float | None] = mapped_column(Double)
    """From the request to the sandbox that is ready; empty where it never was."""
    reason: Mapped[str | None] = mapped_column(String(32))
    """Why there was none, for a miss."""


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
        Index("ix_sandboxes_workspace_id_created_at", "workspace_id", "created_at"),
        # A workspace's sandboxes are counted by state, and its idlest found, from this one.
        Index(
            "ix_sandboxes_workspace_id_warm_state_last_activity_at", "workspace_id", "warm", "state", "last_activity_at"
        ),
        # What a workspace holds is summed at every creation: from this index alone.
        Index("ix_sandboxes_workspace_id_held", "workspace_id", "cpu_millis", "memory_bytes", "storage_bytes"),
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
    cpu_millis: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """What it holds of its workspace's limits, as its template said when it was made; all 0 when it failed."""
    memory_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    storage_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    state: Mapped[str] = mapped_column(String(16), index=True)
    status_kind: Mapped[str | None] = mapped_column(String(32))
    """The wire protocol's word for why the start failed."""
    status_message: Mapped[str | None] = mapped_column(Text)
    stop_reason: Mapped[str | None] = mapped_column(String(64))
    shim_socket: Mapped[str | None] = mapped_column(String(1024))
    starter: Mapped[str | None] = mapped_column(ID)
    """Which server process starts it, while ``provisioning``."""
    start_lease_until: Mapped[float | None] = mapped_column(Double)
    """Until when no other server takes that start over; renewed as long as the start runs."""
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


IS_WANTED = Sandbox.state != literal_column("'deleting'")
"""The condition of the indexes by name and by idempotency key, to the letter: with a parameter neither is used."""


class EndedSandbox(Base):
    """What stays known of a sandbox that was somebody's and is gone."""

    __tablename__ = "ended_sandboxes"
    __table_args__ = (Index("ix_ended_sandboxes_workspace_id_ended_at", "workspace_id", "ended_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(NAME)
    template_name: Mapped[str] = mapped_column(NAME)
    pool_name: Mapped[str | None] = mapped_column(NAME)
    status_kind: Mapped[str | None] = mapped_column(String(32))
    status_message: Mapped[str | None] = mapped_column(Text)
    stop_reason: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(200))
    ended_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Double)
    ready_at: Mapped[float | None] = mapped_column(Double)
    ended_at: Mapped[float] = mapped_column(Double)


class Event(Base):
    """One change of state in a workspace; its number is the position in that workspace's order of commits."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_workspace_id_subject_id_number", "workspace_id", "subject_id", "number"),)

    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Double)
    type: Mapped[str] = mapped_column(String(64))
    """What happened to what, like ``sandbox.ready``."""
    actor: Mapped[str] = mapped_column(String(200))
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(ID)
    subject_name: Mapped[str] = mapped_column(String(200))
    data: Mapped[str] = mapped_column(Text)
    """A JSON object."""


class Allocation(Base):
    """What a sandbox or a volume held from one moment to another: the ledger that usage is read from."""

    __tablename__ = "allocations"
    __table_args__ = (
        Index("ix_allocations_workspace_id_ended_at", "workspace_id", "ended_at"),
        Index("ix_allocations_subject_id_ended_at", "subject_id", "ended_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    subject_kind: Mapped[str] = mapped_column(String(16))
    """``sandbox``, ``warm`` (a pool's sandbox until it is claimed) or ``volume``."""
    subject_id: Mapped[str] = mapped_column(ID)
    template_name: Mapped[str] = mapped_column(NAME)
    """Empty for a volume."""
    creator: Mapped[str] = mapped_column(String(200))
    """Who made or claimed it; ``pool:`` and the pool's name for a warm sandbox."""
    cpu_millis: Mapped[int] = mapped_column(BigInteger)
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    storage_bytes: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[float] = mapped_column(Double)
    ended_at: Mapped[float | None] = mapped_column(Double, index=True)
    """Empty as long as it is held."""
    cpu_used_seconds: Mapped[float] = mapped_column(Double, default=0, server_default="0")
    """Processor time that was measured, where the runtime can tell."""


class ServiceToken(Base):
    """Leave to reach one port of one sandbox until a moment; only its hash is kept."""

    __tablename__ = "service_tokens"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    sandbox_id: Mapped[str] = mapped_column(ForeignKey("sandboxes.id", ondelete="CASCADE"), index=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    """The key that made it: when that one ends, this does."""
    port: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double, index=True)


class ReadingRound(Base):
    """One time that all sandboxes were measured; whoever inserts its number is who measures."""

    __tablename__ = "reading_rounds"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """When it was due, in milliseconds since the epoch."""
    coarse: Mapped[bool] = mapped_column(Boolean)
    """Whether it is one of those that are kept for longer."""


class Reading(Base):
    """What one sandbox had used in one round.

    Readings of a round lie together: they are written and forgotten together, and one sandbox's are found through the
    few rounds that there are.
    """

    __tablename__ = "readings"
    __table_args__ = ({"sqlite_with_rowid": False},)

    round: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sandbox_id: Mapped[str] = mapped_column(ID, primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    cpu_seconds: Mapped[float | None] = mapped_column(Double)
    """Since its start, as are bytes of the network, kills and throttling; what a runtime cannot tell is empty."""
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    storage_bytes: Mapped[int | None] = mapped_column(BigInteger)
    pids: Mapped[int | None] = mapped_column(Integer)
    rx_bytes: Mapped[int | None] = mapped_column(BigInteger)
    tx_bytes: Mapped[int | None] = mapped_column(BigInteger)
    oom_kills: Mapped[int | None] = mapped_column(BigInteger)
    throttled_seconds: Mapped[float | None] = mapped_column(Double)


class WorkspaceReading(Base):
    """What the sandboxes of one workspace used together in one round, a pool's warm ones too."""

    __tablename__ = "workspace_readings"
    __table_args__ = ({"sqlite_with_rowid": False},)

    round: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[str] = mapped_column(ID, primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    cpu_millis: Mapped[int | None] = mapped_column(BigInteger)
    """On average since the round before."""
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sandboxes: Mapped[int] = mapped_column(Integer)
    """How many were measured, without the warm ones."""
    warm: Mapped[int] = mapped_column(Integer)


class Command(Base):
    """A command that was run in a sandbox, as its shim told of it; kept as long as what is known of the sandbox."""

    __tablename__ = "commands"
    __table_args__ = (
        Index("ix_commands_sandbox_id_started_at", "sandbox_id", "started_at"),
        Index(
            "ix_commands_running",
            "workspace_id",
            "sandbox_id",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )

    sandbox_id: Mapped[str] = mapped_column(ID, primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    """As its client named it."""
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    number: Mapped[int] = mapped_column(BigInteger)
    """The shim's, of its last change: what is older is not written over what is newer."""
    command: Mapped[str] = mapped_column(Text)
    command_cut: Mapped[bool] = mapped_column(Boolean)
    """Whether it was longer than what is kept."""
    cwd: Mapped[str | None] = mapped_column(Text)
    env_names: Mapped[str] = mapped_column(Text)
    """A JSON array."""
    pty: Mapped[bool] = mapped_column(Boolean)
    origin: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    exit_code: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    """Why it could not be started."""
    started_at: Mapped[float] = mapped_column(Double)
    ended_at: Mapped[float | None] = mapped_column(Double)
    stdout_bytes: Mapped[int] = mapped_column(BigInteger)
    stderr_bytes: Mapped[int] = mapped_column(BigInteger)


IS_RUNNING = Command.status == literal_column("'running'")
"""The condition of the index of running commands, to the letter."""


class Access(Base):
    """Somebody's use of a sandbox that is no command; the same again shortly after is counted, not written again."""

    __tablename__ = "accesses"
    __table_args__ = (Index("ix_accesses_sandbox_id_at", "sandbox_id", "at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    sandbox_id: Mapped[str] = mapped_column(ID)
    at: Mapped[float] = mapped_column(Double)
    """When the first of them was."""
    until: Mapped[float] = mapped_column(Double)
    """When the last of them was."""
    kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(200))
    count: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    data: Mapped[str] = mapped_column(Text)
    """A JSON object."""
