"""One command, from its start until nobody may ask for it any more.

``starting → running → exited → expired``, forward only. The session outlives every connection; readers come and go.

A command's exit is reported when its streams have ended. A child that it left in the background (``server &``) may hold
them open for ever: then the exit is reported as soon as all that the command itself had written is read and
``survivor_seconds`` have passed. What such a child writes later is still read: into the buffer, where a later attach
finds it, until the session expires, and after that into nothing. Closing the pipes instead would end a background
server at its first line of log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Literal

from sandboxcore.errors import SandboxError
from sandboxcore.shim.flow import Pace
from sandboxcore.shim.input import Input
from sandboxcore.shim.journal import Journal
from sandboxcore.shim.modes import Modes
from sandboxcore.shim.output import Budget, Output
from sandboxcore.shim.reader import Reader
from sandboxcore.shim.sizes import Sizes
from sandboxcore.shim.typed import Typed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.shim.limits import Limits
    from sandboxcore.shim.requests import Reading, StartRequest
    from sandboxcore.shim.spawner import Process, Spawner, TerminalSize

State = Literal["starting", "running", "exited", "expired"]
End = Literal["timeout", "idle", "disconnect", "kill"]

logger = logging.getLogger(__name__)


class Session:
    """A command's process, input, output rings, readers and clocks.

    ``final`` is the control message that ends every reader, set once the session has exited.
    """

    def __init__(
        self,
        request: StartRequest,
        limits: Limits,
        budget: Budget,
        on_exit: Callable[[Session], None],
    ) -> None:
        self.command_id = request.command_id
        self.request = request
        self.state: State = "starting"
        self.process: Process | None = None
        self.size: TerminalSize | None = request.spawn.pty
        self.sizes = Sizes(request.spawn.pty)
        self.final: dict[str, Any] | None = None
        self.exit_code: int | None = None
        self.ended_by: End | None = None
        self.started_at = time.time()
        self.finished_at: float | None = None
        self.journal = Journal()
        self.input = Input(limits.stdin_bytes)
        self.typed = Typed()
        self.readers: set[Reader] = set()
        self._limits = limits
        self._on_exit = on_exit
        self._modes = Modes()
        self._evicted_modes = Modes()
        on_evict = self._evicted_modes.feed if request.spawn.pty else None
        self.outputs = (Output(limits, budget, on_evict), Output(limits, budget))
        self._pace = Pace(limits)
        self._clock = asyncio.get_running_loop().time
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def opened(self) -> bool:
        """Whether the start has been decided, one way or the other."""
        return self.state != "starting"

    def launch(self, spawner: Spawner) -> None:
        """Start the command; call once."""
        self._keep(asyncio.get_running_loop().create_task(self._live(spawner)))

    def attach(self, reading: Reading, *, wants_started: bool) -> Reader:
        """A new reader: what the buffer holds from its offsets, then the live end, with nothing between."""
        reader = Reader(self, reading, wants_started=wants_started, clock=self._clock)
        self.readers.add(reader)
        self._cancel("idle")
        self._cancel("disconnect")
        return reader

    def detach(self, reader: Reader, *, on_purpose: bool) -> None:
        """A reader has left; ``on_purpose`` False where its connection just ended and it may come back."""
        self.readers.discard(reader)
        if self.state == "expired" and not self.readers:
            self._release()
        if self.final is not None:
            return
        if not on_purpose:
            self._pace.vanished(reader, self._clock())
        if not self.readers:
            if self.request.kill_on_disconnect:
                self._after("disconnect", 0 if on_purpose else self._limits.linger_seconds, self.end)
            if self.request.idle_timeout is not None:
                self._after("idle", self.request.idle_timeout, self.end)
        self.resume()

    def end(self, reason: End) -> None:
        """Kill the command and all its descendants, for the first reason given."""
        if self.final is not None or self.ended_by is not None:
            return
        self.ended_by = reason
        if self.process is not None:
            self._keep(asyncio.get_running_loop().create_task(self._kill(self.process)))

    def signal(self, number: int) -> None:
        """Signal the command's process group."""
        if self.process is not None and self.final is None:
            self.process.signal(number)

    def resize(self, size: TerminalSize) -> None:
        """Set the terminal's size; nothing without a terminal."""
        if self.size is None:
            return
        if size != self.size:
            self.sizes.add(self.outputs[0].ring.end, size)
            self._wake()
        self.size = size
        if self.process is not None and self.final is None:
            self.process.resize(size)

    def resume(self) -> None:
        """Readers moved, came or left: go on with streams that waited for them."""
        for output in self.outputs:
            output.resume()

    def modes_at(self, offset: int) -> Modes:
        """The terminal's modes before the byte at ``offset``."""
        ring = self.outputs[0].ring
        if offset >= ring.end:
            return self._modes
        modes = self._evicted_modes.copy()
        place = ring.start
        while place < offset:
            place, text = ring.read(place, offset - place)
            modes.feed(text)
            place += len(text)
        return modes

    def trim(self) -> None:
        """Keep only the last of the output, because room is needed."""
        for output in self.outputs:
            output.trim(self._limits.least_ring_bytes)

    def expire(self) -> None:
        """Drop the output; readers that are attached may finish first."""
        self.state = "expired"
        self._cancel("ttl")
        if not self.readers:
            self._release()

    def abandon(self, message: str) -> None:
        """The sandbox has ended under the command."""
        if self.final is None:
            self._finish(None, {"type": "error", "error_type": "CommandError", "error": message})

    def close(self) -> None:
        """Let go of every descriptor, timer and task."""
        for task in self._tasks:
            task.cancel()
        for name in list(self._timers):
            self._cancel(name)
        self.input.close()
        for output in self.outputs:
            output.close()

    @property
    def has_survivors(self) -> bool:
        """Whether a child of the finished command still holds a stream open."""
        return not all(output.ended.done() for output in self.outputs)

    def describe(self) -> dict[str, Any]:
        """What ``commands`` tells of this session."""
        return {
            "command_id": self.command_id,
            "state": self.state,
            "label": self.request.label,
            "meta": self.request.meta,
            "cwd": self.request.spawn.cwd,
            "pid": self.process.pid if self.process else None,
            "pty": self.size is not None,
            "rows": self.size.rows if self.size else None,
            "cols": self.size.cols if self.size else None,
            "modes": self._modes.names() if self.size else [],
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "exit_code": self.exit_code,
            "ended_by": self.ended_by,
            "error": self.final.get("error") if self.final else None,
            "readers": len(self.readers),
            "stdout": [self.outputs[0].ring.start, self.outputs[0].ring.end],
            "stderr": [self.outputs[1].ring.start, self.outputs[1].ring.end],
        }

    async def _live(self, spawner: Spawner) -> None:
        try:
            self.process = await spawner.spawn(self.request.spawn)
            self._begin(self.process)
            code = await self.process.wait()
            self._cancel("timeout")
            await self._settle()
            self._finish(code, self._result(code))
        except (SandboxError, OSError) as error:
            self.abandon(str(error))
        finally:
            self.abandon("the shim lost the command")

    def _begin(self, process: Process) -> None:
        self.state = "running"
        fds = (process.stdout_fd, process.stderr_fd)
        for stream, (output, fd) in enumerate(zip(self.outputs, fds, strict=True)):
            if fd is None:
                output.close()
            else:
                output.open(fd, self._room_for(stream), self._changed_for(stream))
        self.input.open(process.stdin_fd, is_terminal=self.size is not None)
        if self.size is not None and self.size != self.request.spawn.pty:
            process.resize(self.size)
        if self.request.timeout is not None:
            self._after("timeout", self.request.timeout, self.end)
        if self.ended_by is not None:
            self._keep(asyncio.get_running_loop().create_task(self._kill(process)))
        self._wake()

    async def _settle(self) -> None:
        """Return when all output of the command itself is in the rings."""
        for output in self.outputs:
            output.settle()
        for output in self.outputs:
            await asyncio.shield(output.settled)
        try:
            async with asyncio.timeout(self._limits.survivor_seconds):
                for output in self.outputs:
                    await asyncio.shield(output.ended)
        except TimeoutError:
            logger.debug("a child of %s still holds its output", self.command_id)

    def _result(self, code: int) -> dict[str, Any]:
        if self.ended_by == "timeout":
            words = f"command timed out after {self.request.timeout:g} seconds"
            return {"type": "error", "error_type": "CommandTimeout", "error": words}
        return {"type": "exit", "exit_code": code}

    def _finish(self, code: int | None, final: dict[str, Any]) -> None:
        if self.final is not None:
            return
        self.state = "exited"
        self.exit_code, self.final = code, final
        self.finished_at = time.time()
        for name in list(self._timers):
            self._cancel(name)
        self.input.close()
        self._wake()
        self._on_exit(self)

    async def _kill(self, process: Process) -> None:
        try:
            await process.kill_tree()
        except (SandboxError, OSError):
            logger.exception("could not kill %s", self.command_id)

    def _room_for(self, stream: int) -> Callable[[], int | None]:
        """How much may be added to a stream without evicting what its pace protects."""

        def room() -> int | None:
            if self.size is not None:
                return None  # a terminal is always drained
            offset = self._pace.protected(self.readers, stream, self._clock())
            if offset is None:
                return None
            ring = self.outputs[stream].ring
            return ring.capacity - ring.capacity // 2 - (ring.end - min(offset, ring.end))

        return room

    def _changed_for(self, stream: int) -> Callable[[bytes], None]:
        def changed(text: bytes) -> None:
            if text:
                self.journal.add(stream, self.outputs[stream].ring.end)
                if self.size is not None:
                    self._modes.feed(text)
                self._wake()
            elif self.outputs[stream].paused_at is not None:
                self._watch_pause()

        return changed

    def _watch_pause(self, _: object = None) -> None:
        """Look again when a reader may have stalled or the time for vanished ones is over."""
        self._cancel("pause")
        since = [output.paused_at for output in self.outputs if output.paused_at is not None]
        if not since:
            return
        now = self._clock()
        self._pace.mark_stalled(self.readers, min(since), now)
        self.resume()
        if any(output.paused_at is not None for output in self.outputs):
            self._after("pause", self._pace.next_check(self.readers, min(since), now), self._watch_pause)

    def _wake(self) -> None:
        for reader in self.readers:
            reader.changed.set()

    def _release(self) -> None:
        for output in self.outputs:
            output.discard()

    def _after(self, name: Any, seconds: float, action: Callable[[Any], None]) -> None:
        self._cancel(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action, name)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
