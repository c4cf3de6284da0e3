"""One of a command's output streams: from its descriptor, through the decoder, into the ring."""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import os
import termios
from typing import TYPE_CHECKING

from sandboxcore.shim.buffer import Ring
from sandboxcore.shim.text import TextDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.shim.limits import Limits

GROWTH = 3
"""One byte that is not UTF-8 becomes three."""
LEAST_READ = 4096
_PIPE_DEFAULT = 64 * 1024


class Budget:
    """Text held by all streams of a shim, and how much one stream may hold."""

    __slots__ = ("_limits", "_relief", "used")

    def __init__(self, limits: Limits, relief: Callable[[], None]) -> None:
        self.used = 0
        self._limits = limits
        self._relief = relief

    def capacity(self) -> int:
        """Bytes that one stream may hold now."""
        if self.used > self._limits.buffered_bytes:
            self._relief()
        if self.used > self._limits.buffered_bytes:
            return self._limits.least_ring_bytes
        return self._limits.ring_bytes


class Output:
    """Reads a non-blocking descriptor into a ring while ``room`` allows, and tells ``changed`` what arrived.

    ``settled`` is done when all that the command itself wrote has been read, ``ended`` at the end of the stream; they
    are futures because an event costs 700 bytes, which every finished session would keep.
    """

    def __init__(self, limits: Limits, budget: Budget, on_evict: Callable[[memoryview], None] | None = None) -> None:
        self.ring = Ring(limits.ring_bytes, on_evict)
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.settled: asyncio.Future[None] = loop.create_future()
        self.paused_at: float | None = None
        self._limits = limits
        self._budget = budget
        self._decoder = TextDecoder()
        self._fd = -1
        self._last_bytes: int | None = None
        self._discarding = False
        self._room: Callable[[], int | None] = lambda: None
        self._changed: Callable[[bytes], None] = lambda _: None

    def open(self, fd: int, room: Callable[[], int | None], changed: Callable[[bytes], None]) -> None:
        """Begin to read. ``room`` is how much text may be added now, None for any; ``changed`` gets the text added."""
        self._fd = fd
        self._room, self._changed = room, changed
        asyncio.get_running_loop().add_reader(fd, self._read)

    def resume(self) -> None:
        """Read on if there is room again."""
        if self.paused_at is None or self._allowed() < self._least:
            return
        self.paused_at = None
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def settle(self) -> None:
        """The command has ended: what its pipe holds now is the last that it wrote itself."""
        if self._fd < 0:
            _finish(self.settled)
            return
        waiting = array.array("i", [0])
        try:
            fcntl.ioctl(self._fd, termios.FIONREAD, waiting)
        except OSError:
            waiting[0] = 0
        self._count_down(0, waiting[0])

    def trim(self, size: int) -> None:
        """Keep at most the last ``size`` bytes of text."""
        before = len(self.ring)
        self.ring.evict_to(self.ring.end - size)
        self._budget.used -= before - len(self.ring)

    def discard(self) -> None:
        """Drop the text, and read on into nothing so that a surviving child is not ended by a broken pipe."""
        self._discarding = True
        self.trim(0)
        self.resume()

    def close(self) -> None:
        """End the stream here and now."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        self.paused_at = None
        _finish(self.settled)
        _finish(self.ended)

    @property
    def _least(self) -> int:
        """Fewer raw bytes than this are not worth a read; a small ring never has room for more."""
        return min(LEAST_READ, self.ring.capacity // (4 * GROWTH))

    def _allowed(self) -> int:
        """Raw bytes that may be read now."""
        room = None if self._discarding else self._room()
        if room is None:
            return self._limits.read_bytes
        return min(self._limits.read_bytes, room // GROWTH)

    def _read(self) -> None:
        size = self._allowed()
        if size < self._least:
            loop = asyncio.get_running_loop()
            self.paused_at = loop.time()
            loop.remove_reader(self._fd)
            self._changed(b"")
            return
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # how a PTY says that its last program has closed it
                self.close()
                raise
            data = b""
        if data:
            self._grow_pipe(len(data))
            self._add(self._decoder.feed(data))
            self._count_down(len(data), self._last_bytes)
        else:
            self._add(self._decoder.finish())
            self.close()
            self._changed(b"")

    def _add(self, text: bytes) -> None:
        capacity = self._budget.capacity()  # may expire, and so discard, this very session
        if self._discarding or not text:
            return
        before = len(self.ring)
        self.ring.capacity = capacity
        self.ring.append(text)
        self._budget.used += len(self.ring) - before
        self._changed(text)

    def _count_down(self, read: int, last: int | None) -> None:
        if last is not None:
            self._last_bytes = max(0, last - read)
            if self._last_bytes == 0:
                _finish(self.settled)

    def _grow_pipe(self, read: int) -> None:
        """A pipe that was full belongs to a fast command: give it a bigger one, once, where the system lets us."""
        if read < _PIPE_DEFAULT or self._limits.pipe_bytes <= _PIPE_DEFAULT:
            return
        grow = getattr(fcntl, "F_SETPIPE_SZ", None)
        if grow is None or not hasattr(fcntl, "F_GETPIPE_SZ"):
            return
        try:
            if fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ) < self._limits.pipe_bytes:
                fcntl.fcntl(self._fd, grow, self._limits.pipe_bytes)
        except OSError:
            return  # no pipe, or no memory for one: only slower


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
