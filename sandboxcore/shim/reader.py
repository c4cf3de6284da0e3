"""One attached client's place in a session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.wire import HEADER, OFFSET, TEXT_CHUNK, Kind, encode_control

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.shim.requests import Reading
    from sandboxcore.shim.session import Session

Buffer = bytes | memoryview
STREAMS = ("stdout", "stderr")
_KINDS = (Kind.STDOUT, Kind.STDERR)


class Reader:
    """Gives a session's output as frames, in order of arrival, from offsets of its own.

    ``changed`` is set whenever ``take`` may give more. ``done`` is true once the last frame has been given.
    """

    __slots__ = (
        "_announced",
        "_clock",
        "_failure",
        "_position",
        "_reading",
        "_session",
        "_wants_started",
        "changed",
        "cursors",
        "done",
        "moved_at",
        "origin",
        "stalled",
    )

    def __init__(self, session: Session, reading: Reading, *, wants_started: bool, clock: Callable[[], float]) -> None:
        self._session = session
        self._reading = reading
        self._clock = clock
        self._wants_started = wants_started
        self._announced = False
        self._position = 0
        self._failure: dict[str, Any] | None = None
        self.origin = reading.offsets
        self.cursors = list(reading.offsets)
        self.moved_at = clock()
        self.stalled = False
        self.changed = asyncio.Event()
        self.done = False

    @property
    def failed(self) -> bool:
        """Whether ``fail`` was called."""
        return self._failure is not None

    def fail(self, message: dict[str, Any]) -> None:
        """End with ``message`` instead of going on."""
        self._failure = message
        self.changed.set()

    def take(self, limit: int) -> list[Buffer]:
        """The next frames as buffers to send in order, about ``limit`` bytes; empty when there are none yet."""
        self.changed.clear()
        if self.done:
            return []
        if self._failure is not None:
            self.done = True
            return [encode_control(self._failure)]
        if not self._session.opened:
            return []
        frames = self._opening()
        while limit > 0:
            size = self._take_text(frames, limit)
            if size == 0:
                break
            limit -= size
        final = self._session.final
        if limit > 0 and final is not None:
            frames.append(encode_control(final))
            self.done = True
        return frames

    def _opening(self) -> list[Buffer]:
        """Once, before any output: ``started``, the true place of the first byte, the modes there."""
        if self._announced:
            return []
        self._announced = True
        frames: list[Buffer] = []
        session = self._session
        if self._wants_started and session.process is not None:
            frames.append(
                encode_control({"type": "started", "command_id": session.command_id, "pid": session.process.pid})
            )
        for stream, output in enumerate(session.outputs):
            self.cursors[stream] = min(self.cursors[stream], output.ring.end)
        if self._reading.modes and session.size is not None:
            offset = session.outputs[0].ring.align(self.cursors[0])
            size = session.size
            sequence = session.modes_at(offset).sequence()
            frames.append(encode_control({"type": "modes", "sequence": sequence, "rows": size.rows, "cols": size.cols}))
        return frames

    def _take_text(self, frames: list[Buffer], limit: int) -> int:
        """Add one frame of text, after a gap where there is one; the size of the text, 0 at the live end."""
        run = self._session.journal.next_run(self._position, self.cursors)
        if run is None:
            return 0
        self._position, stream, stop = run
        ring = self._session.outputs[stream].ring
        cursor = self.cursors[stream]
        offset = ring.align(cursor)
        if cursor < ring.start and self._reading.gaps:
            gap = {"type": "gap", "stream": STREAMS[stream], "from": cursor, "to": offset}
            frames.append(encode_control(gap))
        self.cursors[stream] = offset
        self.moved_at = self._clock()
        self.stalled = False
        if offset >= stop:
            return 1
        _, text = ring.read(offset, min(max(limit, 4), TEXT_CHUNK, stop - offset))
        self.cursors[stream] = offset + len(text)
        frames.append(HEADER.pack(OFFSET.size + len(text), _KINDS[stream]) + OFFSET.pack(offset))
        frames.append(text)
        return len(text)
