"""Frames and messages between sandboxd and a sandbox's shim, on a unix stream socket.

A frame is ``!IB`` (length of the body, kind), then the body, at most ``MAX_BODY`` bytes:

====== ======= ==========================================================================
kind   name    body
====== ======= ==========================================================================
0      CONTROL a JSON object
1      STDOUT  ``!Q`` offset, then UTF-8 text that never cuts a code point
2      STDERR  the same, of the other stream
3      DATA    raw bytes: a command's standard input, a file's content, a connection's bytes
====== ======= ==========================================================================

One connection carries one request. Its first frame is CONTROL with ``op``:

``start``     ``command_id, candidates: [[argv], ...], env, cwd, pty, rows, cols, timeout, idle_timeout,
              kill_on_disconnect, ttl, label, gaps, modes, source, meta`` → ``started``, then streams from the
              beginning. The first candidate whose program exists is run. A ``command_id`` that exists is attached to,
              not run again. Seconds throughout; ``timeout`` 0 is none; ``idle_timeout`` and ``ttl`` -1 are never.
``attach``    ``command_id, stdout_offset, stderr_offset, gaps, modes, source`` → streams from those offsets.
``commands``  → ``{"type": "commands", "commands": [...]}``: every session that the shim still holds. A long list
              comes in parts, all but the last with ``"more": true``.
``history``   ``after, held`` → ``{"type": "history", "entries": [...]}``: each command whose ``start`` said
              ``recorded`` and that began or ended after that number, by its last change, in order, in parts as of
              ``commands``. The last part has ``running``, the ids of all that run, and with ``held`` true ``held``: of
              each session that is held the id and how much it printed on each stream. It also says that what comes
              before ``after`` has been written down: commands that had ended by then are not told of again.
``kill``      ``command_id`` → ``done``. ``signal`` ``command_id, signal`` → ``done``. For callers who stream nothing.
``ping``      → ``{"type": "pong"}``.
``watch``     → ``{"type": "watching"}``, and when the sandbox has ended ``{"type": "ended"}``; its shim's death, which
              ends the sandbox too, ends the connection without it.
``read``      ``path, offset, length`` (null: to the end) → ``{"type": "file", "size", "mode", "mtime"}``, DATA…,
              ``{"type": "end"}``; ``size`` is the whole file's.
``write``     ``path, mode`` → ``{"type": "ready"}``; then the caller sends DATA… and ``{"op": "end"}`` →
              ``{"type": "done", "size"}``. Nothing appears at ``path`` before ``end``; parent folders are made.
``stat``      ``path`` → ``{"type": "stat", "name", "kind", "size", "mode", "mtime", "uid", "gid", "target",
              "target_kind"}``, links not followed; ``kind`` is ``file``, ``directory``, ``symlink``, ``fifo``,
              ``socket`` or ``device``; the last two are a link's text and what it leads to, or null.
``list``      ``path`` → ``{"type": "entries", "entries": [stat...]}`` in parts, then ``end``.
``mkdir``     ``path, mode`` → ``done``; parents are made. ``remove`` ``path, recursive`` → ``done``.
``move``      ``path, to, overwrite`` → ``done``; where ``to`` exists ``FileExists``, unless ``overwrite`` is true.
``processes`` → ``{"type": "processes", "processes": [{"pid", "ppid", "user", "state", "command", "cpu_seconds",
              "memory_bytes", "started_at", "threads", "internal"}...]}`` in parts, then ``end`` with ``truncated``.
``ports``     → ``{"type": "ports", "ports": [{"port", "address", "pid", "command"}...]}`` in parts, of TCP ports that
              are listened on, then ``end`` with ``truncated``; ``pid`` and ``command`` are null where nobody can tell.
``dial``      ``port`` → ``{"type": "dialed"}`` when a program on the sandbox's loopback has been reached, then DATA…
              both ways. The caller's ``{"op": "end"}`` and the shim's ``{"type": "end"}`` say that the caller, or the
              program, sends no more; the other direction goes on. The connection closes when both have ended; closing
              it earlier resets the program's, and one that the program reset is told as ``ConnectionReset``.

While streams flow the caller may send DATA (standard input) and CONTROL ``{"op": "kill"}``,
``{"op": "signal", "signal": "SIGINT"}``, ``{"op": "resize", "rows", "cols"}``, ``{"op": "close_stdin"}`` and
``{"op": "detach"}`` (this reader leaves on purpose; a connection that just ends may come back). ``{"op": "skip",
"keep"}`` passes unread output over but for its last ``keep`` bytes: ``gap`` where that loses any, then
``{"type": "skipped"}``.

A reader that gave a ``source``, a name of its own making of at most 64 characters, may number its input: ``{"op":
"input", "offset", "data"}`` is text whose first byte is the source's byte ``offset``. What the session took before,
over whatever connection, is not taken again; a hole is an error. ``{"type": "input", "taken"}`` says how many bytes of
the source were taken: once before any output, and whenever there are more.

The shim answers ``{"type": "started", "command_id", "pid"}``, ``{"type": "gap", "stream", "from", "to"}`` (only with
``gaps``), ``{"type": "modes", "sequence", "rows", "cols", "end"}`` (of a terminal, only with ``modes``, before any
output and after each gap; ``end`` is where the output ends at that moment), ``{"type": "exit", "exit_code"}`` or
``{"type": "error", "error_type", "error"}``, and closes after the last two.

A path that is not UTF-8 is written with Python's surrogate escapes, which JSON spells ``\\udc80`` to ``\\udcff``: valid
JSON of ASCII characters, though strict decoders refuse the unpaired surrogates.

``error_type`` is ``CommandNotFound``, ``SessionExpired``, ``CommandTimeout``, ``CommandError``, or for files
``FileNotFound``, ``PermissionDenied``, ``IsADirectory``, ``NotADirectory``, ``FileExists``, ``NotEmpty``, ``NoSpace``,
``ReadError``, ``WriteError``, or for ports ``PortClosed`` (nothing listens), ``PortBusy`` (what listens accepts
nobody), ``DialFailed`` and ``ConnectionReset``.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any

HEADER = struct.Struct("!IB")
OFFSET = struct.Struct("!Q")
MAX_BODY = 1 << 20
TEXT_CHUNK = 64 * 1024
"""Most bytes of text in a STDOUT or STDERR frame: escaped as JSON, at six times that, it is below a client's 1 MiB."""


class Kind(IntEnum):
    """What the body of a frame is."""

    CONTROL = 0
    STDOUT = 1
    STDERR = 2
    DATA = 3


class FrameError(ValueError):
    """The peer sent bytes that are no frame of this protocol; the connection cannot go on."""


def encode(kind: Kind, body: bytes | bytearray | memoryview) -> bytes:
    """One frame."""
    return HEADER.pack(len(body), kind) + body


def encode_control(message: dict[str, Any]) -> bytes:
    """One CONTROL frame."""
    return encode(Kind.CONTROL, json.dumps(message, separators=(",", ":")).encode())


def encode_text(kind: Kind, offset: int, text: bytes | memoryview) -> bytes:
    """One STDOUT or STDERR frame with the text that begins at ``offset``."""
    return HEADER.pack(OFFSET.size + len(text), kind) + OFFSET.pack(offset) + text


def decode_header(header: bytes) -> tuple[int, Kind]:
    """The length and kind of the body that follows. Raises ``FrameError``."""
    length, kind = HEADER.unpack(header)
    if length > MAX_BODY:
        raise FrameError(f"frame of {length} bytes; the most is {MAX_BODY}")
    try:
        return length, Kind(kind)
    except ValueError:
        raise FrameError(f"unknown frame kind {kind}") from None


def decode_control(body: bytes) -> dict[str, Any]:
    """The JSON object of a CONTROL frame. Raises ``FrameError``."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"control frame is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError("control frame is not a JSON object")
    return message


class FrameReader:
    """Cuts a byte stream into frames; holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def rest(self) -> bytes:
        """The bytes of the unfinished frame."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[tuple[Kind, bytes]]:
        """The frames that ``data`` completes. Raises ``FrameError``."""
        self._buffer += data
        frames = []
        position = 0
        while len(self._buffer) - position >= HEADER.size:
            length, kind = decode_header(bytes(self._buffer[position : position + HEADER.size]))
            end = position + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append((kind, bytes(self._buffer[position + HEADER.size : end])))
            position = end
        del self._buffer[:position]
        return frames
