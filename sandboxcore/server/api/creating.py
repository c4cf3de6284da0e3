"""Making a sandbox and waiting for it: the one route with several ways to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sandboxcore.server.dataplane.shim_client import ShimConnection, ShimUnreachableError
from sandboxcore.server.errors import ApiError, UnavailableError
from sandboxcore.server.services import sandboxes
from sandboxcore.server.services.lifetimes import lifetime_rules
from sandboxcore.server.services.limits import check_name
from sandboxcore.server.services.starting import ACTOR, NOT_WANTED
from sandboxcore.server.waiting import client_left, first_of

if TYPE_CHECKING:
    from starlette.types import Receive

    from sandboxcore.server.api.schemas import BoxIn
    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core
    from sandboxcore.server.db.models import Sandbox
    from sandboxcore.server.services.sandboxes import Created
    from sandboxcore.server.services.ending import StopReason
    from sandboxcore.server.services.starting import Outcome

MOST_CLAIMS = 10
"""Dead warm sandboxes that one create call removes before it gives up."""


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
    created = await _claim_or_create(core, actor, body, idempotency_key)
    sandbox = created.sandbox
    if sandbox.pool_id is not None:
        core.pools.kick()
    if sandbox.state != "provisioning":
        return sandbox
    if not created.is_new and not core.starter.is_starting(sandbox.id):
        # Made by a call to a server before this one; the reconciler would take it up in a moment.
        sandbox = await sandboxes.load_for_start(core.database, sandbox.id) or sandbox
    start = core.starter.start(sandbox)
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


async def _claim_or_create(core: Core, actor: Caller, body: BoxIn, idempotency_key: str | None) -> Created:
    """A sandbox that is new or warm; a warm one that has died unnoticed is removed and the next one taken."""
    for _ in range(MOST_CLAIMS):
        created = await _create(core, actor, body, idempotency_key)
        if not created.is_new or created.sandbox.state != "ready" or await _answers(created.sandbox):
            return created
        await _drop(core, created.sandbox, "died")
    raise UnavailableError("every warm sandbox of this template has died; look at its pool, and try again")


async def _answers(sandbox: Sandbox) -> bool:
    """Whether its shim can be reached."""
    try:
        shim = await ShimConnection.open(sandbox.shim_socket or "")
    except ShimUnreachableError:
        return False
    shim.abort()
    return True


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
