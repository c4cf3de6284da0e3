"""The recorder of one shell: reads its output as any client does, and appends it to the recording's file.

It runs in the console's process and needs no page. Output is read no faster than it is written down, and the shell
never waits for it: what its buffer has dropped meanwhile is a gap, which a marker tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from dashboard.recordings import cast
from dashboard.recordings.store import cast_path
from dashboard.teams import api
from sandboxcore import (
    Gap,
    Resized,
    ResourceNotFoundError,
    SandboxClientError,
    SandboxNotReadyError,
    SandboxOperationError,
    TerminalModes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dashboard.recordings.models import Recording
    from sandboxcore import AsyncCommandHandle, OutputChunk

WINDOW = 256 * 1024
"""Bytes of output that the sandbox server sends ahead."""
BATCH_SECONDS = 0.1
BATCH_BYTES = 256 * 1024
LATEST = 2**53 - 1
"""An offset beyond any output: begin at its end."""
DEFAULT_SIZE = (80, 24)
END_SECONDS = 20.0
AWAY_SECONDS = 2.0
"""Less is not worth a marker: the buffer still had it, a moment later."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
_FORGOTTEN = {"CommandNotFound", "SessionExpired"}


class EndedError(Exception):
    """There is nothing more to record: the shell has ended with ``exit_code``, or ``reason`` says what else."""

    def __init__(self, reason: str = "", exit_code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_code = exit_code


class CutError(Exception):
    """No more may be recorded; the message says why."""


class Recorder:
    """Writes one recording until its shell ends, it is full, or it is cancelled. Call ``run`` once."""

    def __init__(self, recording: Recording, max_bytes: int) -> None:
        self._recording = recording
        self._max_bytes = max_bytes
        self._began = recording.started_at.timestamp()
        self._writer: cast.CastWriter | None = None
        self._seconds = 0.0
        self._lines: list[str] = []
        self._bytes = 0
        self._offset = 0
        """The shell's output before it was written or queued."""
        self._size: tuple[int, int] | None = None
        self._gap: Gap | None = None
        self._modes_wanted = False
        self._away_since: float | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._writer.place.size if self._writer else 0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._seconds

    async def run(self) -> None:
        """Record. Raises ``EndedError``, ``CutError``, or ``OSError`` where the file cannot be written."""
        self._writer = await asyncio.to_thread(cast.CastWriter, cast_path(self._recording.id))
        place = self._writer.place
        self._seconds, self._size, self._offset = place.seconds, place.terminal, place.offset
        if place.size:
            self._away_since = self._began + place.seconds
        try:
            await self._record_until_ended(place)
        except (EndedError, CutError) as error:
            if str(error):
                self._mark(str(error))
            await self._flush()
            raise
        finally:
            self._writer.close()

    async def say(self, words: str) -> None:
        """Add a last marker to a recorder that does not run any more. Raises ``OSError``."""
        self._writer = await asyncio.to_thread(cast.CastWriter, cast_path(self._recording.id))
        try:
            self._seconds, self._size = self._writer.place.seconds, self._writer.place.terminal
            self._lines, self._bytes = [], 0
            if self._writer.place.size:
                self._mark(words)
                await self._flush()
        finally:
            self._writer.close()

    async def _record_until_ended(self, place: cast.Place) -> None:
        offset = place.offset if place.size else (LATEST if self._recording.late else 0)
        self._modes_wanted = offset == LATEST
        pause = FIRST_PAUSE
        while True:
            try:
                if offset == LATEST:
                    offset = await self._end_of_output()
                async with self._attached(offset) as handle:
                    await self._record(handle)
            except (ResourceNotFoundError, SandboxNotReadyError) as error:
                raise EndedError("The sandbox has ended.") from error
            except SandboxOperationError as error:
                if error.error_type in _FORGOTTEN:
                    raise EndedError("The shell has ended, and its output is no longer kept.") from error
            except (SandboxClientError, TimeoutError):
                # The server is away, or refuses for now: what the shell shows waits in its buffer.
                pause = min(2 * pause, LONGEST_PAUSE)
            await self._flush()
            if self._size is not None:
                offset = self._offset
            self._away_since = self._away_since or time.time()
            await asyncio.sleep(pause)

    async def _end_of_output(self) -> int:
        """Where the output is now. Raises ``TimeoutError`` and what the client raises."""
        async with asyncio.timeout(END_SECONDS), self._attached(LATEST) as handle:
            async for chunk in handle:
                if isinstance(chunk, TerminalModes):
                    return chunk.end
            raise EndedError(exit_code=(await handle.result).exit_code)

    @contextlib.asynccontextmanager
    async def _attached(self, offset: int) -> AsyncIterator[AsyncCommandHandle]:
        recording = self._recording
        async with api.make_client(recording.team, "recorder") as client:
            sandbox = await client.get_sandbox(recording.sandbox_id)
            async with await sandbox.reconnect(
                str(recording.session_id),
                stdout_offset=offset,
                gaps=True,
                modes=True,
                collect=False,
                window=WINDOW,
                watch=True,
            ) as handle:
                yield handle

    async def _record(self, handle: AsyncCommandHandle) -> None:
        """Raises ``EndedError``, ``CutError`` and what the handle raises."""
        coming: asyncio.Task[OutputChunk] | None = None
        last_flush = time.monotonic()
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(handle))
                await asyncio.wait({coming}, timeout=BATCH_SECONDS if self._lines else None)
                if self._lines and (not coming.done() or time.monotonic() - last_flush >= BATCH_SECONDS):
                    await self._flush()
                if self._bytes >= BATCH_BYTES:
                    await self._flush()
                if not self._lines:
                    last_flush = time.monotonic()
                if not coming.done():
                    continue
                done, coming = coming, None
                try:
                    self._take(done.result())
                except StopAsyncIteration:
                    raise EndedError(exit_code=(await handle.result).exit_code) from None
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    def _take(self, chunk: OutputChunk) -> None:
        match chunk:
            case TerminalModes():
                self._begin((chunk.cols, chunk.rows))
                self._tell_gap(chunk)
            case Resized():
                self._resize((chunk.cols, chunk.rows))
            case Gap():
                self._gap = chunk
            case _:
                self._output(chunk)

    def _output(self, chunk: OutputChunk) -> None:
        self._begin(None)
        self._tell_away()
        if self._gap is not None:
            self._tell_gap(None)
        self._add("o", chunk.data)
        self._offset = chunk.offset + len(chunk.data.encode())

    def _begin(self, size: tuple[int, int] | None) -> None:
        """Write the heading, once."""
        if self._size is not None:
            return
        self._size = size or DEFAULT_SIZE
        text = cast.heading(*self._size, self._began, self._recording.sandbox_name)
        self._lines.append(text)
        self._bytes += len(text)

    def _resize(self, size: tuple[int, int]) -> None:
        self._begin(size)
        if size != self._size:
            self._size = size
            self._add("r", f"{size[0]}x{size[1]}")

    def _tell_gap(self, modes: TerminalModes | None) -> None:
        """Say what is missing, and bring a player's terminal to the modes behind it."""
        gap, self._gap = self._gap, None
        if modes is None:
            sequence, offset = "", gap.end if gap else self._offset
        else:
            sequence, offset = modes.sequence, modes.offset
        if gap is None and not self._modes_wanted:
            return
        self._tell_away()
        words = f"{gap.end - gap.start} bytes are missing." if gap else "Recording was turned on."
        self._modes_wanted = False
        if sequence:
            self._add("o", sequence)
        self._offset = offset
        self._mark(cast.goes_on_at(words, offset))

    def _tell_away(self) -> None:
        """Say that what follows had waited in the shell's buffer."""
        since, self._away_since = self._away_since, None
        if since is not None and (away := time.time() - since) >= AWAY_SECONDS:
            self._mark(f"The recorder was away for up to {away:.0f} s. What was shown meanwhile comes at once.")

    def _mark(self, words: str) -> None:
        self._begin(None)
        self._add("m", words)

    def _add(self, kind: str, data: str) -> None:
        """Queue an event of now. Raises ``CutError`` where the file would be larger than it may."""
        self._seconds = max(self._seconds, time.time() - self._began)
        line = cast.line_of(cast.CastEvent(self._seconds, kind, data))
        size = len(line) if line.isascii() else len(line.encode(errors="replace"))
        if kind != "m" and self.size + self._bytes + size > self._max_bytes:
            raise CutError(f"The recording was cut: it has {self._max_bytes >> 20} MiB, which is the most.")
        self._lines.append(line)
        self._bytes += size

    async def _flush(self) -> None:
        """Write what is queued. Raises ``OSError``."""
        text, self._lines, self._bytes = "".join(self._lines), [], 0
        if text and self._writer is not None:
            # Not left halfway when cancelled: the file would end with a part of what is queued.
            await asyncio.shield(asyncio.to_thread(self._writer.write, text))
