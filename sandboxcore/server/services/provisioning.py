"""Making, growing and removing volumes in the background, with the runtime."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import RuntimeUnavailableError, VolumeError
from sandboxcore.server.errors import ApiError, UnavailableError
from sandboxcore.server.quantity import parse_bytes
from sandboxcore.server.services import volumes
from sandboxcore.server.services.volumes import ResizeRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from sandboxcore.runtimes.base import Runtime
    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.db.models import Volume
    from sandboxcore.server.runtime import RuntimeHolder

    Work = asyncio.Task["Failure | None"]

log = logging.getLogger("sandboxd.volumes")
ACTOR = "system"
IN_USE = "the volume is mounted in {users}; it grows while no sandbox uses it, so delete those first"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the runtime did not do it.

    ``kind`` is a ``VolumeFailure``, or ``Unavailable`` where it may have done it and will be asked again.
    """

    kind: str
    message: str

    def as_error(self) -> ApiError:
        """The answer to a call that waited."""
        if self.kind in ("InUse", "Shrink"):
            return ResizeRefusedError(self.message)
        return provisioning_error(self.message)


def provisioning_error(message: str) -> ApiError:
    """The answer where the runtime cannot give a volume what was asked for."""
    return ApiError(503, "VolumeProvisioning", message)


class Provisioner:
    """Runs at most one job a volume; whoever waits for one must not cancel it."""

    def __init__(self, database: Database, runtime: RuntimeHolder, *, patience: float) -> None:
        self._database = database
        self._runtime = runtime
        self._patience = patience
        self._work: dict[str, Work] = {}

    def is_working(self, volume_id: str) -> bool:
        """Whether this process is making, growing or removing that volume now."""
        return volume_id in self._work

    @property
    def busy(self) -> set[str]:
        """The volumes that this process makes, grows or removes now."""
        return set(self._work)

    def storage_class(self) -> str:
        """What the runtime's volumes are. Raises ``ApiError`` 503 where it cannot have any."""
        try:
            capabilities = self._runtime.require().capabilities()
        except UnavailableError as error:
            raise provisioning_error(error.message) from None
        if not capabilities.volumes:
            raise provisioning_error(f"the {capabilities.runtime} runtime has no volumes here; its notes say why")
        return capabilities.storage_class or capabilities.runtime

    def make(self, volume: Volume) -> Work:
        """Make a volume in state ``provisioning``."""
        return self._start(volume.id, lambda: self._make(volume.id, parse_bytes(volume.size)))

    def grow(self, volume: Volume) -> Work:
        """Grow a ready volume to its ``wanted_size``."""
        size = volume.wanted_size or volume.size
        return self._start(volume.id, lambda: self._grow(volume.id, size))

    async def remove(self, volume_id: str) -> None:
        """Remove a volume in state ``deleting``; returns when it is gone, or goes on in the background after
        a while."""
        earlier = self._work.get(volume_id)
        if earlier is not None:
            earlier.cancel()
            await asyncio.wait({earlier})
        await asyncio.wait({self.remove_soon(volume_id)}, timeout=self._patience)

    def remove_soon(self, volume_id: str) -> Work:
        """The same, without waiting; only where nothing else is being done with it."""
        return self._start(volume_id, lambda: self._remove(volume_id))

    def _start(self, volume_id: str, work: Callable[[], Coroutine[None, None, Failure | None]]) -> Work:
        task = self._work.get(volume_id)
        if task is None:
            task = self._work[volume_id] = asyncio.create_task(work(), name=f"volume {volume_id}")
            task.add_done_callback(lambda _task: self._work.pop(volume_id, None))
        return task

    async def _make(self, volume_id: str, size: int) -> Failure | None:
        failure = await self._ask(volume_id, lambda runtime: runtime.create_volume(volume_id, size))
        if failure is None:
            if not await volumes.mark_ready(self._database, actor=ACTOR, volume_id=volume_id):
                # Another server has it removed, perhaps before the runtime made it for this one.
                return await self._ask(volume_id, lambda runtime: runtime.delete_volume(volume_id))
        elif failure.kind != "Unavailable":
            await volumes.mark_failed(self._database, actor=ACTOR, volume_id=volume_id, message=failure.message)
        return failure

    async def _grow(self, volume_id: str, size: str) -> Failure | None:
        failure = await self._ask(volume_id, lambda runtime: runtime.resize_volume(volume_id, parse_bytes(size)))
        if failure is not None and failure.kind == "InUse":
            users = await volumes.mounted_in(self._database, volume_id)
            failure = Failure("InUse", IN_USE.format(users=users)) if users else failure
        if failure is None or failure.kind != "Unavailable":
            message = failure.message if failure else None
            await volumes.settle_size(self._database, actor=ACTOR, volume_id=volume_id, wanted=size, message=message)
        return failure

    async def _remove(self, volume_id: str) -> Failure | None:
        """The reconciler comes back to what fails here, since the row stays."""
        failure = await self._ask(volume_id, lambda runtime: runtime.delete_volume(volume_id))
        if failure is None:
            await volumes.forget(self._database, actor=ACTOR, volume_id=volume_id)
        return failure

    async def _ask(self, volume_id: str, work: Callable[[Runtime], Awaitable[None]]) -> Failure | None:
        try:
            await work(self._runtime.require())
        except VolumeError as error:
            failure = Failure(error.kind, str(error))
        except RuntimeUnavailableError as error:
            self._runtime.report(error)
            failure = Failure("Unavailable", f"{error}. What mends it: {error.remedy}")
        except UnavailableError as error:
            failure = Failure("Unavailable", error.message)
        except Exception:  # whatever a runtime raises, the volume must not stay half done for ever
            log.exception("volume %s: the runtime failed in an unknown way", volume_id)
            failure = Failure("Failed", "the runtime failed in an unknown way; see sandboxd's log")
        else:
            return None
        log.warning("volume %s: %s: %s", volume_id, failure.kind, failure.message)
        return failure

    async def close(self) -> None:
        """Stop; what is half done is taken up again by the next server."""
        tasks = list(self._work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
