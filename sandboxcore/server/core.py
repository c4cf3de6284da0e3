"""What every part of the server shares, made once at start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.server.activity import Activity
from sandboxcore.server.auth import KeyRing
from sandboxcore.server.dataplane.streams import Streams
from sandboxcore.server.db.engine import Database
from sandboxcore.server.pools import PoolKeeper
from sandboxcore.server.runtime import RuntimeHolder
from sandboxcore.server.services.provisioning import Provisioner
from sandboxcore.server.services.starting import Starter

if TYPE_CHECKING:
    from sandboxcore.runtimes.base import Runtime, RuntimeUnavailableError
    from sandboxcore.server.config import Settings


@dataclass(frozen=True, slots=True)
class Core:
    """The server's parts; handlers find it as ``app.state.core``."""

    settings: Settings
    database: Database
    keys: KeyRing
    runtime: RuntimeHolder
    starter: Starter
    volumes: Provisioner
    activity: Activity
    streams: Streams
    pools: PoolKeeper


def build_core(settings: Settings, runtime: Runtime | RuntimeUnavailableError) -> Core:
    """The parts, put together; nothing is opened yet."""
    database = Database(settings.effective_database_url)
    holder = RuntimeHolder(runtime, retry_interval=settings.runtime_retry_interval)
    activity = Activity(database)
    starter = Starter(database, holder, pids=settings.sandbox_pids, destroy_wait=settings.destroy_wait)
    starter.on_ended = activity.forget
    return Core(
        settings=settings,
        database=database,
        keys=KeyRing(database),
        runtime=holder,
        starter=starter,
        volumes=Provisioner(database, holder, patience=settings.destroy_wait),
        activity=activity,
        streams=Streams(settings.max_streams_per_sandbox),
        pools=PoolKeeper(),
    )
