"""What every part of the server shares, made once at start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.server.accesslog import AccessLog
from sandboxcore.server.activity import Activity
from sandboxcore.server.auth import KeyRing
from sandboxcore.server.claimlog import ClaimLog
from sandboxcore.server.commandlog import CommandLog
from sandboxcore.server.dataplane.streams import Streams
from sandboxcore.server.db.engine import Database
from sandboxcore.server.gateway.addresses import Addresses
from sandboxcore.server.keywatch import KeyWatch
from sandboxcore.server.pools import PoolKeeper
from sandboxcore.server.runtime import RuntimeHolder
from sandboxcore.server.services.provisioning import Provisioner
from sandboxcore.server.services.starting import Starter
from sandboxcore.server.workspaces import WorkspaceEnder

if TYPE_CHECKING:
    from sandboxcore.runtimes.base import Runtime, RuntimeUnavailableError
    from sandboxcore.server.config import Settings


@dataclass(frozen=True, slots=True)
class Core:
    """The server's parts; handlers find it as ``app.state.core``."""

    settings: Settings
    database: Database
    keys: KeyRing
    key_watch: KeyWatch
    runtime: RuntimeHolder
    starter: Starter
    volumes: Provisioner
    workspaces: WorkspaceEnder
    activity: Activity
    streams: Streams
    pools: PoolKeeper
    addresses: Addresses
    claims: ClaimLog
    commands: CommandLog
    accesses: AccessLog
    mending: asyncio.Lock
    """Held while differences between the database and the runtime are looked for and mended."""


def build_core(settings: Settings, runtime: Runtime | RuntimeUnavailableError) -> Core:
    """The parts, put together; nothing is opened yet."""
    database = Database(settings.effective_database_url)
    holder = RuntimeHolder(runtime, retry_interval=settings.runtime_retry_interval)
    activity = Activity(database)
    starter = Starter(database, holder, pids=settings.sandbox_pids, destroy_wait=settings.destroy_wait)
    keeper = PoolKeeper()
    commands = CommandLog(database, settings)
    starter.before_end = commands.last_look
    starter.on_ended = (activity.forget, commands.forget, keeper.freed)
    keys = KeyRing(database)
    streams = Streams(settings.max_streams_per_sandbox)
    volumes = Provisioner(database, holder, patience=settings.destroy_wait)
    return Core(
        settings=settings,
        database=database,
        keys=keys,
        key_watch=KeyWatch(database, keys, streams),
        runtime=holder,
        starter=starter,
        volumes=volumes,
        workspaces=WorkspaceEnder(database, starter, volumes),
        activity=activity,
        streams=streams,
        pools=keeper,
        addresses=Addresses(settings),
        claims=ClaimLog(database, settings),
        commands=commands,
        accesses=AccessLog(database, settings),
        mending=asyncio.Lock(),
    )
