"""Closing the differences between the database, which says what is wanted, and the runtime, which says what is."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from sandboxcore.runtimes.base import RuntimeUnavailableError, VolumeError
from sandboxcore.server.clock import now
from sandboxcore.server.errors import UnavailableError
from sandboxcore.server.services import books, leases, sandboxes, volumes
from sandboxcore.server.services.differences import Difference, Found, Here, plan
from sandboxcore.server.services.ending import StopReason  # noqa: TC001  # beside what uses it
from sandboxcore.server.waiting import woken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandboxcore.runtimes.base import Runtime, RuntimeVolume
    from sandboxcore.server.core import Core

log = logging.getLogger("sandboxd.reconcile")
ACTOR = "system"
AT_A_TIME = 8
"""Differences of one kind that are mended at a time."""
Outcome = Literal["done", "goes_on", "not_needed", "left_alone", "failed"]


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a difference."""

    difference: Difference
    outcome: Outcome | None
    """None where nothing was tried."""
    message: str | None = None
    """Why it failed."""


async def look(core: Core, *, thorough: bool = True, remove_volumes: bool = False) -> list[Difference]:
    """Every difference, and what is to be done about it; nothing is done.

    Only a ``thorough`` look finds volumes that nobody can mend. Raises ``UnavailableError`` or
    ``RuntimeUnavailableError``.
    """
    runtime = core.runtime.require()
    before = await books.rows(core.database)
    made = {sandbox.id: sandbox for sandbox in await runtime.list_owned()}
    found = Found(made, await _volumes_of(runtime) if thorough else None)
    here = Here(now(), core.starter.id, core.database.is_sqlite, core.starter.busy | core.volumes.busy)
    entries = [wrong for wrong in await books.wrong_entries(core.database) if wrong.id not in core.workspaces.busy]
    planned = plan(before, found, before, here, remove_volumes=remove_volumes)
    if planned:
        # Only now is it worth to read them all again: what changed meanwhile and is right looks wrong so far.
        planned = plan(before, found, await books.rows(core.database), here, remove_volumes=remove_volumes)
    return sorted([*entries, *planned], key=lambda difference: ORDER.index(difference.kind))


async def _volumes_of(runtime: Runtime) -> dict[str, RuntimeVolume] | None:
    listed = await runtime.list_volumes()
    return None if listed is None else {volume.id: volume for volume in listed}


async def reconcile(core: Core) -> list[Mended]:
    """One look, and what it asks for; what takes long goes on in the background. Raises as ``look``."""
    async with core.mending:
        return await _carry_out(core, await look(core, thorough=False), patience=0)


async def reconcile_thoroughly(core: Core, *, remove_volumes: bool) -> list[Mended]:
    """The same for somebody who waits: a thorough look, and a while for what takes long. Raises as ``look``."""
    async with core.mending:
        differences = await look(core, remove_volumes=remove_volumes)
        return await _carry_out(core, differences, patience=core.settings.destroy_wait)


async def _carry_out(core: Core, differences: list[Difference], *, patience: float) -> list[Mended]:
    """Mend differences, in their order of kinds; what becomes of each.

    ``patience`` is how many seconds to wait for each start, volume and workspace.
    """
    mended: list[Mended] = []
    turns = asyncio.Semaphore(AT_A_TIME)

    async def one(difference: Difference) -> Mended:
        async with turns:
            return await _mend(core, difference, patience)

    for _, group in groupby(differences, key=lambda difference: difference.kind):
        mended += await asyncio.gather(*map(one, group))
    return mended


async def _mend(core: Core, difference: Difference, patience: float) -> Mended:
    _tell(difference)
    try:
        outcome = await _STEPS[difference.kind, difference.action](core, difference, patience)
    except RuntimeUnavailableError as error:
        core.runtime.report(error)
        return Mended(difference, "failed", str(error))
    except UnavailableError as error:
        return Mended(difference, "failed", error.message)
    except VolumeError as error:
        return Mended(difference, "failed", str(error))
    except Exception:  # one thing that cannot be mended must not keep others from it
        log.exception("%s %s could not be mended; it will be tried again", difference.kind, difference.id)
        return Mended(difference, "failed", "it failed in an unknown way; see sandboxd's log")
    return outcome if isinstance(outcome, Mended) else Mended(difference, outcome)


def _tell(difference: Difference) -> None:
    if difference.action == "leave":
        return
    alarming = difference.action in ("fail", "destroy", "open", "close", "record")
    level = logging.WARNING if alarming else logging.INFO
    log.log(level, "%s %s: %s: %s", difference.kind, difference.id, difference.action, difference.reason)


async def _record(core: Core, difference: Difference, _patience: float) -> Outcome:
    return _done(await books.record_forgotten(core.database, difference, actor=ACTOR))


async def _open(core: Core, difference: Difference, _patience: float) -> Outcome:
    return _done(await books.open_uncounted(core.database, difference))


async def _close(core: Core, difference: Difference, _patience: float) -> Outcome:
    return _done(await books.close_unheld(core.database, difference))


def _done(changed: bool) -> Outcome:
    return "done" if changed else "not_needed"


async def _fail(core: Core, difference: Difference, _patience: float) -> Outcome:
    known = await sandboxes.mark_failed(
        core.database,
        actor=ACTOR,
        sandbox_id=difference.id,
        kind="CrashLoop",
        message=difference.reason,
        stop_reason="died",
    )
    return _done(known)


async def _start(core: Core, difference: Difference, patience: float) -> Outcome | Mended:
    if not await leases.take(core.database, starter=core.starter.id, sandbox_id=difference.id):
        return "not_needed"  # another server is at it
    sandbox = await sandboxes.load_for_start(core.database, difference.id)
    if sandbox is None:
        return "not_needed"
    task = core.starter.start(sandbox)
    await asyncio.wait({task}, timeout=patience)
    if not task.done() or task.cancelled():
        return "goes_on"
    ended = task.result()
    return "done" if ended.kind is None else Mended(difference, "failed", ended.message)


async def _remove_sandbox(core: Core, difference: Difference, _patience: float) -> Outcome:
    if difference.ends is not None and not await _want_gone(core, difference.id, difference.ends):
        return "not_needed"
    await core.starter.end(difference.id)
    left = await sandboxes.outcome_of(core.database, sandbox_id=difference.id)
    return "done" if left is None else "goes_on"


async def _want_gone(core: Core, sandbox_id: str, reason: StopReason) -> bool:
    if reason == "creator_gone" and not await leases.take(
        core.database, starter=core.starter.id, sandbox_id=sandbox_id
    ):
        return False  # another server is at it
    return await sandboxes.want_gone_by_system(core.database, actor=ACTOR, sandbox_id=sandbox_id, reason=reason)


async def _destroy(core: Core, difference: Difference, _patience: float) -> Outcome:
    await core.runtime.require().destroy(difference.id)
    return "done"


async def _change_volume(core: Core, difference: Difference, patience: float) -> Outcome | Mended:
    """A step that is taken by two servers at once, or twice, is done once: the runtime and the row both see to it."""
    if difference.workspace_id is None:  # no row knows it, and somebody said to remove it
        await core.runtime.require().delete_volume(difference.id)
        return "done"
    volume = await volumes.load(core.database, difference.id)
    if volume is None or core.volumes.is_working(volume.id):
        return "not_needed"
    if volume.state == "provisioning":
        task = core.volumes.make(volume)
    elif volume.state == "deleting":
        task = core.volumes.remove_soon(volume.id)
    elif volume.wanted_size is not None:
        task = core.volumes.grow(volume)
    else:
        return "not_needed"
    await asyncio.wait({task}, timeout=patience)
    if not task.done() or task.cancelled():
        return "goes_on"
    failure = task.result()
    return "done" if failure is None else Mended(difference, "failed", failure.message)


async def _leave(_core: Core, _difference: Difference, _patience: float) -> Outcome:
    return "left_alone"


async def _remove_workspace(core: Core, difference: Difference, patience: float) -> Outcome:
    task = core.workspaces.begin(difference.id)
    await asyncio.wait({task}, timeout=patience)
    gone = task.done() and not await books.is_leaving(core.database, difference.id)
    return "done" if gone else "goes_on"


_STEPS: dict[tuple[str, str], Callable[[Core, Difference, float], Awaitable[Any]]] = {
    ("history", "record"): _record,
    ("usage", "close"): _close,
    ("usage", "open"): _open,
    ("sandbox", "fail"): _fail,
    ("sandbox", "start"): _start,
    ("sandbox", "remove"): _remove_sandbox,
    ("sandbox", "destroy"): _destroy,
    ("volume", "make"): _change_volume,
    ("volume", "grow"): _change_volume,
    ("volume", "remove"): _change_volume,
    ("volume", "leave"): _leave,
    ("workspace", "remove"): _remove_workspace,
}
ORDER = list(dict.fromkeys(kind for kind, _ in _STEPS))
"""Of kinds: a volume can be removed when what used it is gone."""


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
        await woken(core.runtime.came_up, core.settings.reconcile_interval)
