"""Settings of sandboxd, read from ``SANDBOXD_*`` environment variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sandboxcore.errors import SandboxError
from sandboxcore.server.quantity import QuantityError, parse_bytes, parse_millis

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "SANDBOXD_"


class SettingsError(SandboxError):
    """A setting is missing, unknown or wrong; the message names it and says what is expected."""


class Settings(BaseSettings):
    """Every setting of sandboxd; each is the environment variable ``SANDBOXD_`` plus its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    state_dir: Path = Field(
        Path("var/sandboxd"), description="Folder for what must survive a restart: the SQLite database."
    )
    run_dir: Path = Field(Path("var/run"), description="Folder for the runtime's and the shims' sockets.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL, `postgresql://…` or `sqlite:///…`. Empty: SQLite in the state folder.",
    )
    runtime: str = Field(
        "namespaces",
        description="What makes sandboxes: `namespaces`, `process` (isolates nothing), or an installed one.",
    )
    public_url: str = Field(
        "",
        description="Base address that clients see, like `https://sandboxes.example.com`. Empty: as each request says.",
    )
    service_host: str = Field("127.0.0.1", description="Address to listen on for what sandboxes serve.")
    service_port: int = Field(
        8002,
        ge=0,
        le=65535,
        description="TCP port for what sandboxes serve, another than the API's; 0 takes a free one.",
    )
    service_domain: str = Field(
        "",
        max_length=180,
        pattern=r"^([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*)?$",
        description="Domain whose every subdomain leads there. Empty: the host of the next setting, else `localhost`.",
    )
    service_public_url: str = Field(
        "",
        description="Address of that listener as clients see it, like `https://services.example.com`, where something "
        "on this machine stands before it. Empty: `http`, and the port as it is.",
    )
    service_body_limit: int = Field(
        10 * 2**30, ge=1024, description="Largest body of a request to a program in a sandbox, in bytes."
    )
    service_answer_timeout: float = Field(
        120, gt=0, description="Seconds that such a program may take to begin its answer."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least serious line to log.")

    default_cpu: str = Field("500m", description="Processor share of a template that names none.")
    default_memory: str = Field("512Mi", description="Memory of a template that names none.")
    default_storage: str = Field("2Gi", description="Writable disk of a template that names none.")
    max_cpu: str = Field("16", description="Most processor share that a template may ask for.")
    max_memory: str = Field("64Gi", description="Most memory that a template may ask for.")
    max_storage: str = Field("200Gi", description="Most writable disk that a template may ask for.")
    max_volume_size: str = Field("200Gi", description="Largest volume.")
    sandbox_pids: int = Field(512, ge=16, le=32768, description="Most processes and threads in one sandbox.")

    default_ttl_seconds: int = Field(
        0, ge=0, description="Lifetime of a sandbox whose creator names none, in whole minutes as seconds; 0 is no end."
    )
    default_idle_ttl_seconds: int = Field(
        0, ge=0, description="Idle time after which such a sandbox ends, in whole minutes as seconds; 0 is never."
    )
    max_ttl_seconds: int = Field(
        31_536_000, ge=60, description="Longest lifetime or idle time that may be asked for, in seconds."
    )
    usage_interval: float = Field(
        60, gt=0, description="Seconds between two measurements of the processor time that sandboxes use."
    )
    readings_interval: float = Field(
        10, ge=0.1, description="Seconds between two measurements of what each sandbox uses, as charts show it."
    )
    readings_fine_seconds: float = Field(
        3600, gt=0, description="Seconds for which all of these are kept; of older ones, one a minute."
    )
    readings_kept_seconds: float = Field(
        86400, gt=0, description="Seconds for which those are kept, after a sandbox's end too."
    )
    usage_retention_days: int = Field(
        400, ge=1, description="Days for which it is known what was held; usage before them is forgotten."
    )
    create_timeout: float = Field(30, gt=0, description="Seconds that a create call waits where the caller names none.")
    max_create_timeout: float = Field(3600, gt=0, description="Most seconds that a create call may wait.")

    reconcile_interval: float = Field(
        5, gt=0, description="Seconds between two comparisons of the database with the runtime."
    )
    reap_interval: float = Field(5, gt=0, description="Seconds between two looks for sandboxes whose time has come.")
    pool_health_interval: float = Field(
        3, gt=0, description="Seconds between two looks whether the warm sandboxes of pools still live."
    )
    pool_max_age: float = Field(
        86400, ge=0, description="Seconds after which a warm sandbox that nobody claimed is replaced; 0 is never."
    )
    pool_claims_kept: int = Field(
        10_000, ge=100, description="Most claims of one pool whose times are kept for its statistics."
    )
    pool_claims_age: float = Field(
        604800, gt=0, description="Seconds for which a claim's time is kept for its pool's statistics."
    )
    runtime_retry_interval: float = Field(
        3, gt=0, description="Seconds between two attempts to start a runtime that is not available."
    )
    destroy_wait: float = Field(
        10,
        gt=0,
        description="Seconds that a delete call waits for the runtime; then the end goes on in the background.",
    )
    shutdown_grace: int = Field(5, ge=1, description="Seconds that open requests have left when the server stops.")

    upload_limit: int = Field(10 * 2**30, ge=1, description="Largest file that may be uploaded, in bytes.")
    execute_output_limit: int = Field(
        64 * 2**20, ge=1024, description="Most bytes of one output stream in the answer of `POST /execute`."
    )
    body_limit: int = Field(2 * 2**20, ge=1024, description="Largest JSON body of a request, in bytes.")
    message_limit: int = Field(4 * 2**20, ge=65536, description="Largest WebSocket message from a client, in bytes.")
    first_message_wait: float = Field(
        30, gt=0, description="Seconds that a WebSocket may stay open before its first message."
    )
    max_streams_per_sandbox: int = Field(
        256,
        ge=1,
        description="Most requests to one sandbox (commands, files, tunnels and their connections) at a time.",
    )
    max_event_streams: int = Field(64, ge=1, description="Most open event streams of one workspace at a time.")
    history_days: float = Field(
        90, gt=0, le=3650, description="Days for which events are kept, and with them what is known of ended sandboxes."
    )
    history_events: int = Field(
        100_000, ge=100, le=10_000_000, description="Most events of one workspace that are kept, the newest ones."
    )
    commands_kept: int = Field(
        1000, ge=10, le=100_000, description="Most commands of one sandbox that are known, the newest ones."
    )
    accesses_kept: int = Field(
        1000,
        ge=10,
        le=100_000,
        description="Most entries about files, tunnels, services and terminals of one sandbox that are known.",
    )
    ping_interval: float = Field(25, gt=0, description="Seconds between two pings on an open WebSocket.")

    @field_validator("default_cpu", "max_cpu")
    @classmethod
    def _cpu(cls, value: str) -> str:
        return _checked(value, parse_millis)

    @field_validator("default_memory", "default_storage", "max_memory", "max_storage", "max_volume_size")
    @classmethod
    def _size(cls, value: str) -> str:
        return _checked(value, parse_bytes)

    @field_validator("default_ttl_seconds", "default_idle_ttl_seconds", "max_ttl_seconds")
    @classmethod
    def _whole_minutes(cls, value: int) -> int:
        if value % 60:
            raise ValueError("must be whole minutes: a multiple of 60")
        return value

    @field_validator("public_url", "service_public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of this process. Raises ``SettingsError``."""
        names = os.environ if environ is None else environ
        given = {name for name in names if name.startswith(PREFIX)}
        unknown = sorted(given - {PREFIX + field.upper() for field in cls.model_fields})
        if unknown:
            raise SettingsError(f"unknown setting {unknown[0]}; the settings are listed in docs/sandboxd.md")
        values = {name.removeprefix(PREFIX).lower(): names[name] for name in given}
        try:
            return cls(**values)  # type: ignore[arg-type]  # pydantic parses the strings
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise SettingsError(f"{name}={first['input']!r}: {first['msg']}") from None

    @property
    def effective_database_url(self) -> str:
        """The database's address with the driver that sandboxd uses."""
        if not self.database_url:
            return f"sqlite:///{self.state_dir.absolute() / 'sandboxd.sqlite3'}"
        scheme, _, rest = self.database_url.partition("://")
        drivers = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
        return f"{drivers.get(scheme, scheme)}://{rest}"


def _checked(value: str, parse: object) -> str:
    try:
        parse(value)  # type: ignore[operator]
    except QuantityError as error:
        raise ValueError(str(error)) from None
    return value
