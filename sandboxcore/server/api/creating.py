"""Making a sandbox and waiting for it: the one route with several ways to end."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.shim_client import listens
from sandboxcore.server.errors import ApiError, UnavailableError
from sandboxcore.server.services import leases, sandboxes
from sandboxcore.server.services.claims import Claim
from sandboxcore.server.services.lifetimes import lifetime_rules
from sandboxcore.server.services.limits import check_name
from sandboxcore.server.services.starting import ACTOR, NOT_WANTED, READY, Outcome
from sandboxcore.server.waiting import client_left, first_of

if TYPE_CHECKING:
    from starlette.types import Receive

    from sandboxcore.server.api.schemas import BoxIn
    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core
    from sandboxcore.server.db.models import Sandbox
    from sandboxcore.server.services.ending import StopReason
    from sandboxcore.server.services.pools import Miss
    from sandboxcore.server.services.sandboxes import Created

ELSEWHERE_LOOK_SECONDS = 0.1
"""Between two looks at a start that another server runs."""


class ClientGoneError(ApiError):
    """Nobody waits for the answer any more; the answer goes nowhere."""

    def __init__(self) -> None:
        super().__init__(400, "ClientGone", "the client left before the sandbox was ready")


async def create_and_wait(
    core: Core, actor: Caller, body: BoxIn, idempotency_key: str | None, receive: Receive
) -> Sandbox:
    """The sandbox, ready, or on its way where the caller does not wait.

    Raises ``ApiError`` and then leaves nothing behind.
    """
    core.runtime.require()
    clock = Stopwatch()
    created = await _create(core, actor, body, idempotency_key)
    sandbox = created.sandbox
    if sandbox.state != "provisioning":
        if created.is_new and sandbox.pool_id is not None:
            core.claims.note(Claim(sandbox.pool_id, clock.began, clock.seconds(), None))
            core.pools.kick_soon()
        return sandbox
    start = core.starter.start(sandbox) if created.is_new else await _join(core, sandbox)
    if created.missed is not None:
        start.add_done_callback(partial(_note_miss, core, created.missed, clock))
        core.pools.kick_soon()
    if not body.wait_for_ready:
        return sandbox
    timeout = min(
        core.settings.create_timeout if body.timeout is None else body.timeout, core.settings.max_create_timeout
    )
    try:
        outcome = await _wait(start, timeout, receive, may_leave=created.is_new and sandbox.awaited)
    except ApiError as error:
        await _drop(core, sandbox, "creator_gone" if isinstance(error, ClientGoneError) else "start_timeout")
        raise error from None
    if outcome.kind is not None:
        await _drop(core, sandbox, "start_failed")
        raise _start_error(outcome)
    sandbox.state = "ready"
    return sandbox


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.began = now()
        """Seconds since the epoch."""
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """Until now."""
        return time.perf_counter() - self._began


def _note_miss(core: Core, miss: Miss, clock: Stopwatch, start: asyncio.Task[Outcome]) -> None:
    ready = not start.cancelled() and start.exception() is None and start.result() == READY
    core.claims.note(Claim(miss.pool_id, clock.began, clock.seconds() if ready else None, miss.reason))


async def _join(core: Core, sandbox: Sandbox) -> asyncio.Task[Outcome]:
    """The start of a sandbox that an earlier call made, here or through another server.

    Where that server is gone this one goes on with the start.
    """
    if not core.starter.is_starting(sandbox.id):
        if not await leases.take(core.database, starter=core.starter.id, sandbox_id=sandbox.id):
            return asyncio.create_task(_elsewhere(core, sandbox.id), name=f"watch the start of {sandbox.id}")
        sandbox = await sandboxes.load_for_start(core.database, sandbox.id) or sandbox
    return core.starter.start(sandbox)


async def _elsewhere(core: Core, sandbox_id: str) -> Outcome:
    """How a start ends that another server runs."""
    while True:
        row = await sandboxes.outcome_of(core.database, sandbox_id=sandbox_id)
        if row is None or row.state == "deleting":
            return NOT_WANTED
        if row.state == "ready":
            return READY
        if row.state == "failed":
            return Outcome(row.status_kind or "SandboxConfig", row.status_message)
        await asyncio.sleep(ELSEWHERE_LOOK_SECONDS)


async def _create(core: Core, actor: Caller, body: BoxIn, idempotency_key: str | None) -> Created:
    rules = await lifetime_rules(core.database, core.settings, actor.workspace_id)
    return await sandboxes.create_sandbox(
        core.database,
        actor=actor,
        template_name=body.template_name,
        name=None if body.name is None else check_name(body.name),
        lives=rules.choose(body.ttl_seconds, body.idle_ttl_seconds),
        awaited=body.wait_for_ready,
        starter=core.starter.id,
        is_alive=listens,
        idempotency_key=idempotency_key,
    )


async def _wait(start: asyncio.Task[Outcome], seconds: float, receive: Receive, *, may_leave: bool) -> Outcome:
    """How the start ended. Raises ``ApiError`` 408, or ``ClientGoneError`` where nobody could ever use the sandbox."""
    leaving = asyncio.create_task(client_left(receive)) if may_leave else None
    try:
        await first_of(start, *filter(None, [leaving]), within=seconds)
    finally:
        if leaving is not None:
            leaving.cancel()
    if start.done():
        return NOT_WANTED if start.cancelled() else start.result()
    if leaving is not None and leaving.done():
        raise ClientGoneError
    message = (
        f"the sandbox was not ready within {seconds:g} seconds; its last status was provisioning, and it was removed"
    )
    raise ApiError(408, "Timeout", message)


async def _drop(core: Core, sandbox: Sandbox, reason: StopReason) -> None:
    """Remove a sandbox whose creator was told that there is none."""
    if await sandboxes.want_gone_by_system(core.database, actor=ACTOR, sandbox_id=sandbox.id, reason=reason):
        await core.starter.end(sandbox.id)


def _start_error(outcome: Outcome) -> ApiError:
    message = outcome.message or "the sandbox did not start"
    if outcome.kind == "Unschedulable":
        return UnavailableError(message)
    return ApiError(422, outcome.kind or "SandboxConfig", message)
