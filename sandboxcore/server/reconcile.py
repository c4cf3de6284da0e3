"""Closing the difference between the database, which says what is wanted, and the runtime, which says what is."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandboxcore.runtimes.base import RuntimeUnavailableError
from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.errors import UnavailableError
from sandboxcore.server.services import leases, sandboxes, volumes

if TYPE_CHECKING:
    from sandboxcore.runtimes.base import Runtime, RuntimeSandbox
    from sandboxcore.server.core import Core

log = logging.getLogger("sandboxd.reconcile")
ACTOR = "system"
_Row = tuple[str, str, bool]
"""Identifier, state, awaited."""


async def reconcile(core: Core) -> None:
    """One comparison, both ways. Raises ``UnavailableError`` or ``RuntimeUnavailableError``."""
    runtime = core.runtime.require()
    # The order matters: what is missing is judged by rows read before the list, what is surplus by rows read after it,
    # so that nothing made or removed in between is taken for a ghost or an orphan.
    before = await _rows(core)
    owned = {made.id: made for made in await runtime.list_owned()}
    after = {row[0] for row in await _rows(core)}
    await _mend_rows(core, before, owned)
    await _end_orphans(runtime, owned, after)
    await _mend_volumes(core)
    await core.workspaces.take_up()


async def _rows(core: Core) -> list[_Row]:
    query = select(Sandbox.id, Sandbox.state, Sandbox.awaited)
    async with core.database.read() as session:
        return [(row[0], row[1], row[2]) for row in await session.execute(query)]


async def _mend_rows(core: Core, rows: list[_Row], owned: dict[str, RuntimeSandbox]) -> None:
    for sandbox_id, state, awaited in rows:
        made = owned.get(sandbox_id)
        if state == "ready" and (made is None or made.state == "dead"):
            await _mark_ended(core, sandbox_id, made)
        elif state == "provisioning" and not core.starter.is_starting(sandbox_id):
            await _take_up(core, sandbox_id, awaited)
        elif state == "deleting":
            await core.starter.end(sandbox_id)
        elif state == "failed" and made is not None:
            await core.runtime.require().destroy(sandbox_id)


async def _mark_ended(core: Core, sandbox_id: str, made: RuntimeSandbox | None) -> None:
    reason = (made.reason if made else None) or "the sandbox ended outside this server; the runtime no longer has it"
    log.warning("sandbox %s is gone: %s", sandbox_id, reason)
    await sandboxes.mark_failed(
        core.database, actor=ACTOR, sandbox_id=sandbox_id, kind="CrashLoop", message=reason, stop_reason="died"
    )


async def _take_up(core: Core, sandbox_id: str, awaited: bool) -> None:
    """Go on with a start that a server which ended left half done, or drop one that nobody can know of."""
    if not await leases.take(core.database, starter=core.starter.id, sandbox_id=sandbox_id):
        return  # another server is at it
    if awaited:
        log.info("sandbox %s: its creator is gone and never learned its name; it is removed", sandbox_id)
        if await sandboxes.want_gone_by_system(
            core.database, actor=ACTOR, sandbox_id=sandbox_id, reason="creator_gone"
        ):
            await core.starter.end(sandbox_id)
        return
    sandbox = await sandboxes.load_for_start(core.database, sandbox_id)
    if sandbox is not None and not core.starter.is_starting(sandbox_id):
        log.info("sandbox %s: its start goes on", sandbox_id)
        core.starter.start(sandbox)


async def _end_orphans(runtime: Runtime, owned: dict[str, RuntimeSandbox], wanted: set[str]) -> None:
    for sandbox_id in owned.keys() - wanted:
        log.warning("sandbox %s is in no row of the database; it is ended", sandbox_id)
        await runtime.destroy(sandbox_id)


async def _mend_volumes(core: Core) -> None:
    """Go on with what a server before this one, or a runtime that was away, left half done.

    A volume that no row knows is left alone: what it holds cannot be had back.
    """
    for volume in await volumes.unfinished(core.database):
        if core.volumes.is_working(volume.id):
            continue
        if volume.state == "provisioning":
            core.volumes.make(volume)
        elif volume.state == "deleting":
            core.volumes.remove_soon(volume.id)
        else:
            core.volumes.grow(volume)


async def keep_reconciled(core: Core) -> None:
    """Compare every ``reconcile_interval`` seconds, and at once when the runtime comes up; runs until cancelled."""
    while True:
        core.runtime.came_up.clear()
        try:
            await reconcile(core)
        except UnavailableError:
            pass  # the holder logs it and tries to start the runtime again
        except RuntimeUnavailableError as error:
            core.runtime.report(error)
        except Exception:  # the next comparison must come whatever this one met
            log.exception("comparing the database with the runtime failed")
        try:
            async with asyncio.timeout(core.settings.reconcile_interval):
                await core.runtime.came_up.wait()
        except TimeoutError:
            continue
