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
        "_keep",
        "_position",
        "_reading",
        "_session",
        "_sizes",
        "_taken",
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
        self._taken: int | None = None
        self._keep: int | None = None
        self._sizes = 0
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

    @property
    def source(self) -> str:
        """Under which name the peer's input is numbered; empty where it is not."""
        return self._reading.source

    def acknowledge(self, taken: int) -> None:
        """Tell the peer how many bytes of its numbered input were taken."""
        self._taken = taken
        self.changed.set()

    def skip(self, keep: int) -> None:
        """Go on with the last ``keep`` bytes of what is not read yet; the peer is told where that is."""
        self._keep = keep
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
        self._tell(frames)
        while limit > 0:
            self._tell_sizes(frames)
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
        if self.source and self._taken is None:
            self._taken = session.typed.taken(self.source)
        for stream, output in enumerate(session.outputs):
            self.cursors[stream] = min(self.cursors[stream], output.ring.end)
        self._sizes = session.sizes.at(self.cursors[0])
        self._tell_modes(frames, session.outputs[0].ring.align(self.cursors[0]))
        return frames

    def _tell(self, frames: list[Buffer]) -> None:
        """Add what was left by ``acknowledge`` and ``skip``."""
        if self._taken is not None:
            frames.append(encode_control({"type": "input", "taken": self._taken}))
            self._taken = None
        if self._keep is not None:
            for stream, output in enumerate(self._session.outputs):
                self._jump(frames, stream, output.ring.align(max(self.cursors[stream], output.ring.end - self._keep)))
            frames.append(encode_control({"type": "skipped"}))
            self._keep = None

    def _tell_sizes(self, frames: list[Buffer]) -> None:
        """Add the sizes that hold from here on, where the peer watches."""
        while self._reading.watch and (change := self._session.sizes.next(self._sizes)) is not None:
            number, offset, size = change
            if offset > self.cursors[0]:
                return
            self._sizes = number + 1
            frames.append(encode_control({"type": "resized", "rows": size.rows, "cols": size.cols, "offset": offset}))

    def _next_size(self) -> int:
        """How far stdout may be read before a size is to be told."""
        change = self._session.sizes.next(self._sizes) if self._reading.watch else None
        return self._session.outputs[0].ring.end if change is None else change[1]

    def _tell_modes(self, frames: list[Buffer], offset: int) -> None:
        """Add the terminal's modes before the byte at ``offset``, where the peer wants them."""
        session = self._session
        if self._reading.modes and session.size is not None:
            message = {
                "type": "modes",
                "sequence": session.modes_at(offset).sequence(),
                "rows": session.size.rows,
                "cols": session.size.cols,
                "end": session.outputs[0].ring.end,
            }
            frames.append(encode_control(message))

    def _jump(self, frames: list[Buffer], stream: int, offset: int) -> None:
        """Go on at ``offset``, and tell of the gap that this makes, then of the modes behind it."""
        cursor = self.cursors[stream]
        self.cursors[stream] = offset
        if cursor < offset and self._reading.gaps:
            frames.append(encode_control({"type": "gap", "stream": STREAMS[stream], "from": cursor, "to": offset}))
            if stream == 0:
                self._tell_modes(frames, offset)

    def _take_text(self, frames: list[Buffer], limit: int) -> int:
        """Add one frame of text, after a gap where there is one; the size of the text, 0 at the live end."""
        run = self._session.journal.next_run(self._position, self.cursors)
        if run is None:
            return 0
        self._position, stream, stop = run
        ring = self._session.outputs[stream].ring
        cursor = self.cursors[stream]
        offset = ring.align(cursor)
        if cursor < ring.start:
            self._jump(frames, stream, offset)
        self.cursors[stream] = offset
        self.moved_at = self._clock()
        self.stalled = False
        if stream == 0:
            stop = min(stop, max(self._next_size(), offset))
        if offset >= stop:
            return 1
        _, text = ring.read(offset, min(max(limit, 4), TEXT_CHUNK, stop - offset))
        self.cursors[stream] = offset + len(text)
        frames.append(HEADER.pack(OFFSET.size + len(text), _KINDS[stream]) + OFFSET.pack(offset))
        frames.append(text)
        return len(text)
