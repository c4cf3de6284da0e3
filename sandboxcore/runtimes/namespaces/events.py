"""The host's event loop: descriptors, timers and processes, one callback at a time. Nothing in a callback may
block."""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.runtimes.namespaces.records import ProcessName


class Timer:
    """A call to come; ``cancel`` takes it back."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not call. Safe to repeat."""
        self.callback = None


class Events:
    """Waits for what was registered and calls back."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopped = False

    def watch(self, descriptor: int, mask: int, callback: Callable[[], None]) -> None:
        """Call back whenever the descriptor is ready for ``mask`` (``selectors.EVENT_*``); replaces an earlier one."""
        try:
            self._selector.modify(descriptor, mask, callback)
        except KeyError:
            self._selector.register(descriptor, mask, callback)

    def forget(self, descriptor: int) -> None:
        """Watch no longer. Call before the descriptor is closed; safe to repeat."""
        try:
            self._selector.unregister(descriptor)
        except KeyError:
            return

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call once, after so many seconds."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def stop(self) -> None:
        """Let ``run`` return."""
        self._stopped = True

    def run(self) -> None:
        """Serve until ``stop``."""
        while not self._stopped:
            for key, _ in self._selector.select(self._pause()):
                # An earlier callback of this round may have forgotten it.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._call_due()

    def _pause(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _call_due(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            timer = heapq.heappop(self._timers)[2]
            if timer.callback is not None:
                timer.callback()


class Process:
    """A process held by descriptor, so that a signal can reach no other; calls back once when it has ended."""

    def __init__(self, events: Events, name: ProcessName, on_end: Callable[[], None]) -> None:
        self._events = events
        self._on_end = on_end
        self.name = name
        self.alive = True
        self._timer: Timer | None = None
        self._descriptor = _open(name)
        if self._descriptor < 0:
            self._timer = events.later(0, self._ended)
        else:
            events.watch(self._descriptor, selectors.EVENT_READ, self._ended)

    def kill(self) -> None:
        """SIGKILL; nothing when it has ended."""
        if self._descriptor >= 0:
            try:
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _ended(self) -> None:
        if not self.alive:
            return
        self.alive = False
        if self._descriptor >= 0:
            self._events.forget(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self._on_end()


def _open(name: ProcessName) -> int:
    """A descriptor of the process, or -1 when it has ended."""
    try:
        descriptor = os.pidfd_open(name.pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL):
            return -1
        raise
    # Compared while the descriptor holds the id: if it is the same process now, the descriptor is of that process.
    if not name.is_alive():
        os.close(descriptor)
        return -1
    return descriptor
