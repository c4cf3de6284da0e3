"""A command's standard input: what waits to be written to it."""

from __future__ import annotations

import asyncio
import os
from collections import deque

PIECE = 64 * 1024
END_OF_FILE = b"\x04"
"""What a person types to end input on a terminal (termios VEOF)."""


class Input:
    """Writes to a non-blocking descriptor as it takes bytes; callers wait in ``room`` while too many are pending.

    When the command no longer reads, what is pending and all that follows is dropped, as a pipe would.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._fd = -1
        self._is_terminal = False
        self._pending: deque[memoryview] = deque()
        self._size = 0
        self._watching = False
        self._closing = False
        self._has_room = asyncio.Event()
        self._has_room.set()

    def open(self, fd: int, *, is_terminal: bool) -> None:
        """Begin to write, with what was sent before the command had started."""
        if self._closing and not self._pending:
            os.close(fd)
            return
        self._fd = fd
        self._is_terminal = is_terminal
        self._flush()

    def write(self, data: bytes) -> None:
        """Add input."""
        if self._closing or not data:
            return
        self._pending.append(memoryview(data))
        self._size += len(data)
        if self._size > self._limit:
            self._has_room.clear()
        if not self._watching and self._fd >= 0:
            self._flush()

    @property
    def has_room(self) -> bool:
        """Whether more may be written without waiting."""
        return self._has_room.is_set()

    async def room(self) -> None:
        """Return when little enough is pending."""
        await self._has_room.wait()

    def finish(self) -> None:
        """End of input, after all that is pending."""
        if self._is_terminal:
            self.write(END_OF_FILE)
            return
        self._closing = True
        if self._fd >= 0 and not self._pending:
            self.close()

    def close(self) -> None:
        """Drop what is pending and close."""
        self._closing = True
        self._pending.clear()
        self._size = 0
        self._has_room.set()
        self._watch(False)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _flush(self) -> None:
        try:
            while self._pending:
                piece = self._pending[0]
                written = os.write(self._fd, piece[:PIECE])
                self._size -= written
                if written == len(piece):
                    self._pending.popleft()
                else:
                    self._pending[0] = piece[written:]
        except BlockingIOError:
            self._watch(True)
        except OSError:  # EPIPE, EIO: nobody reads any more
            self.close()
            return
        else:
            self._watch(False)
            if self._closing:
                self.close()
                return
        if self._size <= self._limit:
            self._has_room.set()

    def _watch(self, on: bool) -> None:
        if on == self._watching:
            return
        self._watching = on
        loop = asyncio.get_running_loop()
        if on:
            loop.add_writer(self._fd, self._flush)
        else:
            loop.remove_writer(self._fd)
