"""Ending sandboxes whose time has come, and writing down what was counted in memory."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.shim_client import ShimUnreachableError, list_commands
from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.repeating import attempt, repeat
from sandboxcore.server.services import ledger, sandboxes, service_tokens
from sandboxcore.server.services.retention import DAY, forget_the_past
from sandboxcore.server.services.sandboxes import VISIBLE, lifetimes

if TYPE_CHECKING:
    from sandboxcore.server.core import Core
    from sandboxcore.server.services.ending import StopReason

log = logging.getLogger("sandboxd.reaper")
ACTOR = "system"
BATCH = 200
FORGET_SECONDS = 60.0


async def reap(core: Core) -> None:
    """End every sandbox whose deadline has passed and that has not been used meanwhile."""
    query = select(Sandbox).where(Sandbox.expires_at <= now(), *VISIBLE).order_by(Sandbox.expires_at).limit(BATCH)
    async with core.database.read() as session:
        due = (await session.scalars(query)).all()
    for sandbox in due:
        if await _is_over(core, sandbox):
            await _end(core, sandbox)
        elif (last := core.activity.last(sandbox.id, sandbox.last_activity_at)) > sandbox.last_activity_at:
            await sandboxes.record_activity(core.database, actor=ACTOR, moments={sandbox.id: last})


async def _is_over(core: Core, sandbox: Sandbox) -> bool:
    """Whether its time has come, with what this process knows: a running command delays idleness, not the lifetime."""
    moment = now()
    if sandbox.ttl_seconds and sandbox.created_at + sandbox.ttl_seconds <= moment:
        return True
    if await _runs_a_program(sandbox):
        core.activity.touch(sandbox.id)
    deadline = lifetimes(sandbox).expires_at(
        sandbox.created_at, core.activity.last(sandbox.id, sandbox.last_activity_at)
    )
    return deadline is not None and deadline + _grace(core) <= moment


def _grace(core: Core) -> float:
    """Seconds for which another server may still object: it may know of a use that it has not written down.

    It looks at the same row in the meantime, sees that its time is over, and writes that use down.
    """
    return 0.0 if core.database.is_sqlite else 2 * core.settings.reap_interval + 1


async def _runs_a_program(sandbox: Sandbox) -> bool:
    """Whether a command runs that is not a terminal: a shell that waits for keys keeps nothing alive."""
    if sandbox.state != "ready" or not sandbox.shim_socket:
        return False
    try:
        async with asyncio.timeout(5):
            commands = await list_commands(sandbox.shim_socket)
    except (ShimUnreachableError, TimeoutError):
        return False
    return any(command.get("state") in ("starting", "running") and not command.get("pty") for command in commands)


async def _end(core: Core, sandbox: Sandbox) -> None:
    moment = now()
    over = sandbox.ttl_seconds and sandbox.created_at + sandbox.ttl_seconds <= moment
    reason: StopReason = "lifetime" if over else "idle"
    if await sandboxes.want_gone_by_system(
        core.database, actor=ACTOR, sandbox_id=sandbox.id, reason=reason, expired_by=moment
    ):
        log.info("sandbox %s ended: its %s is over", sandbox.id, "lifetime" if over else "idle time")
        await core.starter.end(sandbox.id)


async def forget_usage(core: Core) -> None:
    """Forget the holdings that are older than they are kept, a few at a time."""
    kept_since = now() - core.settings.usage_retention_days * DAY
    while await ledger.prune(core.database, ended_before=kept_since, most=BATCH) == BATCH:
        pass  # each batch is a transaction of its own, so that nobody waits long


async def keep_reaping(core: Core) -> None:
    """Look every ``reap_interval`` seconds; runs until cancelled."""

    async def look() -> None:
        await core.activity.write_down()
        await core.keys.record_use()
        await core.database.checkpoint()
        await service_tokens.forget_expired(core.database, actor=ACTOR)
        await reap(core)

    doing = "looking for sandboxes whose time has come"
    await repeat(look, every=core.settings.reap_interval, log=log, doing=doing)


async def keep_forgetting(core: Core) -> None:
    """Forget what is older than history is to be, now and every ``FORGET_SECONDS``; runs until cancelled."""

    async def forget() -> None:
        await forget_usage(core)
        gone = await forget_the_past(
            core.database, actor=ACTOR, days=core.settings.history_days, most=core.settings.history_events
        )
        if gone:
            log.info("forgot the %d oldest events", gone)

    doing = "forgetting what is old"
    await attempt(forget, log=log, doing=doing)
    await repeat(forget, every=FORGET_SECONDS, log=log, doing=doing)
