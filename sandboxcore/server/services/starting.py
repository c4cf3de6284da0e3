"""Starting sandboxes in the background, and ending them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import Resources, RuntimeUnavailableError, SandboxSpec, StartFailedError, VolumeMount
from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.rehearsal import rehearse
from sandboxcore.server.errors import UnavailableError
from sandboxcore.server.names import new_id
from sandboxcore.server.quantity import parse_bytes, parse_millis
from sandboxcore.server.services import leases, sandboxes
from sandboxcore.server.services.phases import Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandboxcore.runtimes.base import RuntimeSandbox
    from sandboxcore.server.db.engine import Database
    from sandboxcore.server.db.models import Sandbox
    from sandboxcore.server.runtime import RuntimeHolder

log = logging.getLogger("sandboxd.starting")
ACTOR = "system"
MEASURE_SECONDS = 0.1
"""How long the end of a sandbox may be held up by the last measurement of what it used."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a start ended; ``kind`` is the wire protocol's word for why it failed, None when the sandbox is ready."""

    kind: str | None
    message: str | None


READY = Outcome(None, None)
NOT_WANTED = Outcome("SandboxConfig", "the sandbox was deleted while it started")


class Starter:
    """Runs at most one start a sandbox; ends a sandbox whatever its start is doing.

    Whoever calls ``start`` has made this process the one that starts the sandbox: see ``leases``.
    """

    def __init__(self, database: Database, runtime: RuntimeHolder, *, pids: int, destroy_wait: float) -> None:
        self.id = new_id()
        """This process, as the holder of leases on starts."""
        self._database = database
        self._runtime = runtime
        self._pids = pids
        self._destroy_wait = destroy_wait
        self._starts: dict[str, asyncio.Task[Outcome]] = {}
        self._ends: dict[str, asyncio.Task[None]] = {}
        self.before_end: Callable[[str], Awaitable[object]] | None = None
        """Waited for before each sandbox is ended, with its identifier; must not raise."""
        self.on_ended: tuple[Callable[[str], None], ...] = ()
        """Called with the identifier of each sandbox that is gone."""

    def is_starting(self, sandbox_id: str) -> bool:
        """Whether this process is starting that sandbox now."""
        return sandbox_id in self._starts

    @property
    def busy(self) -> set[str]:
        """The sandboxes that this process starts or ends now."""
        return {*self._starts, *self._ends}

    @property
    def under_way(self) -> int:
        """How many starts this process runs now."""
        return len(self._starts)

    async def keep_leases(self) -> None:
        """Renew the leases of what starts here; runs until cancelled."""
        while True:
            await asyncio.sleep(leases.RENEW_SECONDS)
            try:
                if self._starts:
                    await leases.renew(self._database, starter=self.id, sandbox_ids=list(self._starts))
            except Exception:  # the next renewal must come whatever this one met
                log.exception("renewing the leases of starts failed")

    def start(self, sandbox: Sandbox) -> asyncio.Task[Outcome]:
        """Start a sandbox in state ``provisioning``, whose template and mounts are loaded.

        The task may be waited for and must not be cancelled by who waits.
        """
        task = self._starts.get(sandbox.id)
        if task is None:
            spec = spec_of(sandbox, self._pids)
            task = asyncio.create_task(self._start(spec, warm=sandbox.warm), name=f"start {sandbox.id}")
            self._starts[sandbox.id] = task
            task.add_done_callback(lambda _task: self._starts.pop(spec.id, None))
        return task

    async def _start(self, spec: SandboxSpec, *, warm: bool) -> Outcome:
        began = now()
        try:
            made = await self._runtime.require().create(spec)
        except StartFailedError as error:
            return await self._failed(spec.id, error.kind, str(error))
        except RuntimeUnavailableError as error:
            self._runtime.report(error)
            return await self._failed(spec.id, "Unschedulable", f"{error}. What mends it: {error.remedy}")
        except UnavailableError as error:
            return await self._failed(spec.id, error.kind, error.message)
        except Exception:  # whatever a runtime raises, the sandbox must not stay 'provisioning' for ever
            log.exception("starting sandbox %s failed in an unknown way", spec.id)
            return await self._failed(
                spec.id, "SandboxConfig", "the runtime failed in an unknown way; see sandboxd's log"
            )
        way = Way(began, now())
        if warm:
            await rehearse(str(made.shim_socket))
        return await self._made(made, way)

    async def _made(self, made: RuntimeSandbox, way: Way) -> Outcome:
        if await sandboxes.mark_ready(self._database, actor=ACTOR, made=made, way=way):
            return READY
        now_is = await sandboxes.outcome_of(self._database, sandbox_id=made.id)
        if now_is is not None and now_is.state == "ready":
            return READY  # another server took the start over and came first; the runtime gave both the same sandbox
        await self._runtime.require().destroy(made.id)
        return NOT_WANTED

    async def _failed(self, sandbox_id: str, kind: str, message: str) -> Outcome:
        log.warning("sandbox %s did not start: %s: %s", sandbox_id, kind, message)
        now_is = await sandboxes.outcome_of(self._database, sandbox_id=sandbox_id)
        if now_is is not None and now_is.starter not in (None, self.id):
            return Outcome(kind, message)  # another server took the start over: what becomes of it is its to say
        known = await sandboxes.mark_failed(
            self._database, actor=ACTOR, sandbox_id=sandbox_id, kind=kind, message=message, stop_reason="start_failed"
        )
        return Outcome(kind, message) if known else NOT_WANTED

    async def end(self, sandbox_id: str) -> None:
        """End a sandbox in state ``deleting`` and forget it; returns when it is gone, or goes on in the background
        after a while."""
        await asyncio.wait({self.end_soon(sandbox_id)}, timeout=self._destroy_wait)

    def end_soon(self, sandbox_id: str) -> asyncio.Task[None]:
        """The same in the background alone."""
        task = self._ends.get(sandbox_id)
        if task is None:
            task = asyncio.create_task(self._end(sandbox_id), name=f"end {sandbox_id}")
            self._ends[sandbox_id] = task
            task.add_done_callback(lambda _task: self._ends.pop(sandbox_id, None))
        return task

    async def _end(self, sandbox_id: str) -> None:
        """The reconciler comes back to what fails here, since the row stays."""
        starting = self._starts.get(sandbox_id)
        if starting is not None:
            starting.cancel()
            await asyncio.wait({starting})
        used = await self._runtime.cpu_seconds(sandbox_id, within=MEASURE_SECONDS)
        if self.before_end is not None:
            await self.before_end(sandbox_id)
        try:
            await self._runtime.require().destroy(sandbox_id)
        except RuntimeUnavailableError as error:
            self._runtime.report(error)
            return
        except UnavailableError:
            return
        except Exception:  # one sandbox that cannot be ended must not keep others from it
            log.exception("ending sandbox %s failed; it will be tried again", sandbox_id)
            return
        await sandboxes.forget(self._database, actor=ACTOR, sandbox_id=sandbox_id, cpu_seconds=used)
        for tell in self.on_ended:
            tell(sandbox_id)

    async def close(self) -> None:
        """Stop starting; what is half made is taken up by another server, or the next."""
        tasks = [*self._starts.values(), *self._ends.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await leases.release(self._database, starter=self.id)


def spec_of(sandbox: Sandbox, pids: int) -> SandboxSpec:
    """What the runtime is asked to make. The quantities were checked when the template was made."""
    template = sandbox.template
    assert template is not None  # noqa: S101  # only a 'deleting' row has none
    return SandboxSpec(
        id=sandbox.id,
        image=template.image,
        resources=Resources(
            cpu_millis=parse_millis(template.cpu),
            memory_bytes=parse_bytes(template.memory),
            storage_bytes=parse_bytes(template.storage),
            pids=pids,
        ),
        hostname=sandbox.name.removeprefix("~"),
        mounts=tuple(VolumeMount(mount.volume_id, mount.mount_path) for mount in template.mounts),
    )
