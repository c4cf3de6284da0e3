"""One sandbox as the host knows it: its state, its processes, and the steps of its beginning and end."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import selectors
import shutil
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from sandboxcore.runtimes.namespaces import shim_process
from sandboxcore.runtimes.namespaces.events import Process
from sandboxcore.runtimes.namespaces.plan import PlanError
from sandboxcore.runtimes.namespaces.records import ProcessName, Record
from sandboxcore.runtimes.namespaces.removal import start_removal
from sandboxcore.runtimes.namespaces.syscalls import process_start_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandboxcore.runtimes.namespaces.cgroups import Group
    from sandboxcore.runtimes.namespaces.events import Events, Timer
    from sandboxcore.runtimes.namespaces.plan import IdMap, Plan
    from sandboxcore.runtimes.namespaces.records import Records

START_TIMEOUT = 30.0
FAREWELL = 1.0
"""Seconds that a shim has to tell its readers that the sandbox has ended."""
MAX_REMOVALS = 3
"""Tries to remove a layer's folder: a process that is just ending may still write into it."""
FIRST_RETRY, LONGEST_RETRY = 0.002, 0.2
_FULL = {errno.ENOSPC, errno.ENOMEM, errno.EAGAIN, errno.ENFILE, errno.EMFILE, errno.EDQUOT}

logger = logging.getLogger(__name__)


class Sandbox:
    """Forward only: ``starting``, ``running``, and then either ``dead``, when it ended by itself, or removed.

    ``on_gone`` is called once, when nothing is left of it but its record.
    """

    def __init__(
        self,
        events: Events,
        records: Records,
        record: Record,
        *,
        directory: Path,
        ids: IdMap,
        layer_folder: Path | None,
        group: Group | None,
        on_gone: Callable[[Sandbox], None],
    ) -> None:
        self._events = events
        self._records = records
        self.record = record
        self.directory = directory
        self.ids = ids
        self.group = group
        self._layer_folder = layer_folder
        self._on_gone = on_gone
        self._shim: Process | None = None
        self._init: Process | None = None
        self._remover: Process | None = None
        self._removals = 0
        self._control: socket.socket | None = None
        self._timer: Timer | None = None
        self._retry = FIRST_RETRY
        self._start_error: PlanError | None = None
        self.ending = False
        """Its end has begun, whoever began it."""
        self.gone = False
        """Nothing is left of it but its record."""
        self.started: list[Callable[[PlanError | None], None]] = []
        self.ended: list[Callable[[], None]] = []

    # Beginning

    def start(self, plan: Plan, kept: list[int]) -> None:
        """Fork the shim. ``started`` callbacks follow, with an error or without."""
        self.directory.mkdir(mode=0o755)
        self._records.save(self.record)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        host = os.getpid()
        # Between the fork and its first lines the child must not run this process's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
        try:
            pid = os.fork()
            if pid == 0:
                shim_process.run(plan, theirs, host, kept)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
        theirs.close()
        ours.setblocking(False)
        self._control = ours
        self.record.shim = _name(pid)
        self._shim = Process(self._events, self.record.shim, self._process_ended)
        self._events.watch(ours.fileno(), selectors.EVENT_READ, self._hear)
        self._timer = self._events.later(START_TIMEOUT, self._too_slow)

    def adopt(self) -> None:
        """Take over a running sandbox that an earlier host made."""
        if self.record.shim is None or self.record.init is None:
            self.end("it was never finished")
            return
        self._shim = Process(self._events, self.record.shim, self._process_ended)
        self._init = Process(self._events, self.record.init, self._process_ended)

    def _hear(self) -> None:
        if self._control is None:
            return
        try:
            words = self._control.recv(shim_process.MAX_WORDS)
        except OSError:
            words = b""
        message: dict[str, Any] = json.loads(words) if words else {"error": "its shim ended before it was ready"}
        if "ready" in message and not self.ending:
            self._become_running(message["ready"])
        else:
            self.fail(_start_error(message))

    def _become_running(self, ready: dict[str, Any]) -> None:
        if self._control is None:
            return
        self.record.init = ProcessName(ready["init"], ready["start"])
        self._init = Process(self._events, self.record.init, self._process_ended)
        self.record.state = "running"
        try:
            self._records.save(self.record)
        except OSError as error:
            # Unrecorded it would be lost with this host.
            self.record.state = "starting"
            self.fail(PlanError(f"the sandbox could not be recorded: {error.strerror}", kind="Unschedulable"))
            return
        with contextlib.suppress(BrokenPipeError):  # then its end is on its way, as a process that ended
            self._control.send(shim_process.GO)
        self._stop_hearing()
        self._tell_started(None)

    def _too_slow(self) -> None:
        self.fail(PlanError(f"the sandbox was not ready within {START_TIMEOUT:.0f} s", kind="Unschedulable"))

    def fail(self, error: PlanError) -> None:
        """Remove all that the start has made, then tell why."""
        self._start_error = error
        self.end(str(error))

    def _tell_started(self, error: PlanError | None) -> None:
        callbacks, self.started = self.started, []
        for callback in callbacks:
            callback(error)

    def _stop_hearing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._control is not None:
            self._events.forget(self._control.fileno())
            self._control.close()
            self._control = None

    # End

    def end(self, reason: str) -> None:
        """End every process and remove everything; ``ended`` callbacks follow. Safe to repeat."""
        if self.ending:
            return
        self.ending = True
        self.record.reason = reason
        self._stop_hearing()
        if self._init is not None:
            self._init.kill()
            self._timer = self._events.later(FAREWELL, self._end_shim)
        elif self._shim is not None:
            self._shim.kill()
        self._go_on()

    def _end_shim(self) -> None:
        if self._shim is not None:
            self._shim.kill()

    def _process_ended(self) -> None:
        if self.ending:
            self._go_on()
        elif self.record.state == "starting":
            # Its last words may still be unread.
            self._hear()
        else:
            self.record.state = "dead"
            self.end(self._why())
            try:
                self._records.save(self.record)
            except OSError as error:
                # The next host will find it dead by its processes.
                logger.warning("cannot record that %s has died: %s", self.record.id, error.strerror)

    def _why(self) -> str:
        kills = self.group.counters().oom_kills if self.group else None
        if kills:
            return f"the sandbox ended; {kills} of its processes were killed for lack of memory"
        if self._init is not None and not self._init.alive:
            return "the sandbox's first process ended"
        return "the sandbox's shim ended"

    def _go_on(self) -> None:
        """Take the next step of the end that can be taken now."""
        if self.gone or any(process is not None and process.alive for process in (self._shim, self._init)):
            return
        if not self._group_is_gone():
            self._events.later(self._retry, self._go_on)
            self._retry = min(self._retry * 2, LONGEST_RETRY)
            return
        if self._remover is not None and self._remover.alive:
            return
        if self._layer_folder is not None and self._removals < MAX_REMOVALS and self._layer_folder.exists():
            self._removals += 1
            self._remover = Process(self._events, _name(start_removal(self._layer_folder, self.ids)), self._go_on)
            return
        self._finish()

    def _group_is_gone(self) -> bool:
        if self.group is None:
            return True
        for pid in self.group.processes():
            # Only what a shim left behind when it was killed while it made the sandbox; the group is ours alone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.group.remove()

    def _finish(self) -> None:
        self.gone = True
        if self._timer is not None:
            self._timer.cancel()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._on_gone(self)
        self._tell_started(self._start_error or PlanError(self.record.reason or "it ended", kind="CrashLoop"))
        callbacks, self.ended = self.ended, []
        for callback in callbacks:
            callback()


def new_record(records: Records, sandbox_id: str, index: int | None, layer: str) -> Record:
    """The record of a sandbox that is about to be made."""
    return Record(sandbox_id, "starting", time.time(), records.boot, index, layer)


def _name(pid: int) -> ProcessName:
    """The name of our own child, which exists until it is reaped."""
    return ProcessName(pid, process_start_time(pid) or 0)


def _start_error(message: dict[str, Any]) -> PlanError:
    if message.get("config") is True:
        return PlanError(str(message.get("error")), kind="SandboxConfig")
    text = f"the sandbox could not be made: {message.get('error')}"
    return PlanError(text, kind="Unschedulable" if message.get("errno") in _FULL else "CrashLoop")
