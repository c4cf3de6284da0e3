"""Carrying out the end of workspaces: what they hold first, their rows last, taken up again after a crash."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sandboxcore.server.services import workspace_ending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.services.provisioning import Provisioner
    from sandboxcore.server.services.starting import Starter
    from sandboxcore.server.services.workspace_ending import Ended

log = logging.getLogger("sandboxd.workspaces")
ACTOR = "system"
AT_A_TIME = 8
"""Sandboxes of one workspace that are ended at a time."""


class WorkspaceEnder:
    """Runs at most one end a workspace."""

    def __init__(self, database: Database, starter: Starter, volumes: Provisioner) -> None:
        self._database = database
        self._starter = starter
        self._volumes = volumes
        self._ends: dict[str, asyncio.Task[None]] = {}

    def begin(self, workspace_id: str) -> asyncio.Task[None]:
        """End a workspace that is marked; the task must not be cancelled by who waits for it."""
        task = self._ends.get(workspace_id)
        if task is None:
            task = asyncio.create_task(self._end(workspace_id), name=f"end workspace {workspace_id}")
            self._ends[workspace_id] = task
            task.add_done_callback(lambda _task: self._ends.pop(workspace_id, None))
        return task

    @property
    def busy(self) -> set[str]:
        """The workspaces that this process ends now."""
        return set(self._ends)

    async def _end(self, workspace_id: str) -> None:
        """The reconciler comes back to what fails here, since the mark stays."""
        try:
            left = await workspace_ending.finish(self._database, actor=ACTOR, workspace_id=workspace_id)
            if left is not None:
                await self._let_go(left)
                left = await workspace_ending.finish(self._database, actor=ACTOR, workspace_id=workspace_id)
        except Exception:  # one workspace that cannot be ended must not keep others from it
            log.exception("ending workspace %s failed; it will be tried again", workspace_id)
            return
        if left is None:
            log.info("workspace %s is gone", workspace_id)

    async def _let_go(self, left: Ended) -> None:
        """Sandboxes first: a volume cannot be removed while one uses it."""
        await _each(left.sandboxes, self._starter.end)
        await _each(left.volumes, self._volumes.remove)

    async def close(self) -> None:
        """Stop; what is half done is taken up again by the next server."""
        tasks = list(self._ends.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _each(ids: Sequence[str], end: Callable[[str], Awaitable[None]]) -> None:
    turns = asyncio.Semaphore(AT_A_TIME)

    async def one(thing_id: str) -> None:
        async with turns:
            await end(thing_id)

    await asyncio.gather(*map(one, ids))
