"""Works bulk runs off, in tasks of this process: so many rows at once, each as the person who asked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db.models import Q
from django.utils import timezone

from dashboard.lists.models import SILENT, BulkItem, BulkRun, ItemState, State
from dashboard.lists.spec import REGISTRY
from dashboard.teams.access import NotAllowedError, NotAMemberError, authorise
from dashboard.teams.problems import problem_of
from sandboxcore import QuotaExceededError, SandboxClientError, SandboxConnectionError

if TYPE_CHECKING:
    from uuid import UUID

    from dashboard.lists.spec import BulkAction
    from dashboard.teams.access import Access

logger = logging.getLogger(__name__)
AT_ONCE = 8
"""Rows of one run that are worked on at once."""
RUNS_AT_ONCE = 4
"""Runs of this process that make headway; others wait for their turn."""
BEAT = 2.0
BATCH = 200
PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each try after the first, where a failure may pass."""
MAX_MESSAGE = 500
_PASSING = (SandboxConnectionError, QuotaExceededError)


@dataclass(frozen=True, slots=True)
class Job:
    """A run in work."""

    run: BulkRun
    action: BulkAction[Any]
    access: Access


class Runner:
    """The runs of this process."""

    def __init__(self) -> None:
        self._name = uuid4().hex
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._turns: asyncio.Semaphore | None = None

    async def start(self, run: BulkRun, choice: str | None = None) -> bool:
        """Work off a draft, or what is left of a run that was interrupted. False where it is neither."""
        idle = Q(state__in=[State.DRAFT, State.STOPPED])
        idle |= Q(state=State.RUNNING, alive_at__lt=timezone.now() - SILENT)
        changes = {"state": State.RUNNING, "worker": self._name, "alive_at": timezone.now(), "reason": ""}
        if choice is not None:
            changes["choice"] = choice
        if not await BulkRun.objects.filter(idle, pk=run.pk).aupdate(**changes):
            return False
        task = asyncio.create_task(self._work(run.pk))
        self._tasks[run.pk] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.pk, None))
        return True

    async def cancel(self, run: BulkRun) -> None:
        """Begin no more rows; those in work come to their end."""
        await BulkRun.objects.filter(pk=run.pk, state__in=[State.DRAFT, State.RUNNING, State.STOPPED]).aupdate(
            state=State.CANCELLED, ended_at=timezone.now()
        )

    async def close(self) -> None:
        """Let go of every run; each can be continued. Called when the server that runs the console stops."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._mine().aupdate(state=State.STOPPED, reason="The console was restarted.")

    def _mine(self, **more: Any) -> Any:
        return BulkRun.objects.filter(worker=self._name, state=State.RUNNING, **more)

    async def _work(self, pk: UUID) -> None:
        beat = asyncio.create_task(self._beat(pk))
        try:
            self._turns = self._turns or asyncio.Semaphore(RUNS_AT_ONCE)
            async with self._turns:
                await self._work_off(await _job(pk))
        except (NotAllowedError, NotAMemberError):
            await self._stop(pk, "Whoever began this may no longer do it.")
        except Exception:  # the last resort of a task that nobody awaits: the run must not seem to go on
            logger.exception("bulk run %s failed", pk)
            await self._stop(pk, "The console failed; its log says why.")
        finally:
            beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beat

    async def _stop(self, pk: UUID, reason: str) -> None:
        await self._mine(pk=pk).aupdate(state=State.STOPPED, reason=reason)

    async def _beat(self, pk: UUID) -> None:
        while True:
            if not await self._mine(pk=pk).aupdate(alive_at=timezone.now()):
                return
            await asyncio.sleep(BEAT)

    async def _work_off(self, job: Job) -> None:
        waiting = BulkItem.objects.filter(run=job.run, state=ItemState.WAITING)
        while batch := [item async for item in waiting[:BATCH]]:
            # Asked again each time: a run must not outlive a membership.
            access = await authorise(job.access.user, job.access.team.slug, job.action.permission)
            queue = iter(batch)
            await asyncio.gather(*(self._take(queue, Job(job.run, job.action, access)) for _ in range(AT_ONCE)))
            if not await self._mine(pk=job.run.pk).aexists():
                return
        await self._mine(pk=job.run.pk).aupdate(state=State.DONE, ended_at=timezone.now())

    async def _take(self, queue: Any, job: Job) -> None:
        for item in queue:
            if not await self._mine(pk=job.run.pk).aexists():
                return
            item.state, item.message = await outcome(job.action, job.access, item.key, job.run.choice)
            await item.asave(update_fields=["state", "message"])


async def _job(pk: UUID) -> Job:
    run = await BulkRun.objects.select_related("team", "person").aget(pk=pk)
    action = REGISTRY[run.list_name].action(run.action)
    return Job(run, action, await authorise(run.person, run.team.slug, action.permission))


async def outcome(action: BulkAction[Any], access: Access, key: str, choice: str) -> tuple[ItemState, str]:
    """Do the action to one row, again where a failure may pass; what came of it, in the API's words where it failed."""
    for pause in (*PAUSES, None):
        try:
            return ItemState.OK, (await action.work(access, key, choice))[:MAX_MESSAGE]
        except _PASSING as error:
            if pause is None:
                return ItemState.FAILED, problem_of(error).message[:MAX_MESSAGE]
            await asyncio.sleep(pause)
        except SandboxClientError as error:
            return ItemState.FAILED, problem_of(error).message[:MAX_MESSAGE]
    raise AssertionError("unreachable")


RUNNER = Runner()
