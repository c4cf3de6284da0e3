"""yamux: many byte streams over one connection (https://github.com/hashicorp/yamux/blob/master/spec.md, version 0).

A ``Session`` does no I/O: bytes from the peer go into ``receive``, which gives events; bytes for the peer come out of
``take``. Both sides are here; they differ in the stream ids that they open (a client's are odd, a server's even).

Everything is bounded, whatever the peer does: streams, streams that the peer has not acknowledged, answers that wait to
be sent, and by each stream's window the bytes that may arrive before the owner has ``consumed`` earlier ones. Nothing
of a frame's body is held here. A peer that breaks the protocol raises ``YamuxError`` once; ``take`` then gives the
frame that tells it so, and the session is over.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from sandboxcore.errors import SandboxError

HEADER = struct.Struct("!BBHII")
"""Version, type, flags, stream id, length."""
VERSION = 0
WINDOW = 256 * 1024
"""Bytes that may be sent on a new stream; also what this side grants at any time."""
MAX_SEND_WINDOW = 2**32 - 1
MAX_STREAMS = 256
MAX_STREAM_ID = 2**32 - 1
MAX_WAITING = 64 * 1024
"""Bytes of answers (pings, windows, resets) that may wait to be sent."""


class FrameType(IntEnum):
    """What a frame is for."""

    DATA = 0
    WINDOW_UPDATE = 1
    PING = 2
    GO_AWAY = 3


class Flag(IntFlag):
    """What a frame says beside its type."""

    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


class GoAway(IntEnum):
    """Why a session ends."""

    NORMAL = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2


class YamuxError(SandboxError):
    """The peer broke the protocol; the session is over."""


class StreamStateError(SandboxError):
    """The stream is not open for this: it was ended, reset or never there, or the session takes no more of them."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer has opened a stream; answer with ``accept`` or ``reset``."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The peer has accepted a stream of this side."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; say ``consumed`` when they are out of the way. The view is of what was received."""

    stream_id: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer sends nothing more on the stream; this side still may."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The peer has dropped the stream, which is gone."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Room:
    """More may be sent on the stream."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Ponged:
    """The answer to ``ping``."""

    value: int


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The peer opens and accepts no more streams; ``code`` is a ``GoAway`` or something unknown."""

    code: int


Event = Opened | Accepted | Data | Ended | Reset | Room | Ponged | GoneAway


@dataclass(slots=True)
class _Stream:
    send_window: int = WINDOW
    receive_window: int = WINDOW
    """Bytes that the peer may still send."""
    consumed: int = 0
    """Bytes out of the way that the peer has not been told of."""
    acknowledged: bool = False
    accepted: bool = True
    ended_here: bool = False
    ended_there: bool = False


class Session:
    """One side of a connection. Not safe for use by several threads at once."""

    def __init__(self, *, client: bool, max_streams: int = MAX_STREAMS) -> None:
        self._client = client
        self._max_streams = max_streams
        self._next_id = 1 if client else 2
        self._streams: dict[int, _Stream] = {}
        self._outgoing: deque[bytes | memoryview] = deque()
        self._answers = 0
        """Bytes of waiting frames without a body."""
        self._header = bytearray()
        self._body = 0
        self._body_id = 0
        self._body_flags = Flag(0)
        self._over = False
        self._gone_away = False
        self._going_away = False
        self.waiting = 0
        """Bytes that ``take`` would give."""

    @property
    def over(self) -> bool:
        """Whether the session was ended by an error of the peer."""
        return self._over

    @property
    def stream_count(self) -> int:
        """Streams that are open, at least in one direction."""
        return len(self._streams)

    # What the owner does

    def open(self) -> int:
        """A new stream of this side, on which may be sent at once. Raises ``StreamStateError``."""
        if self._over or self._gone_away or self._going_away:
            raise StreamStateError("the session takes no more streams")
        if len(self._streams) >= self._max_streams:
            raise StreamStateError(f"{self._max_streams} streams are open already")
        if self._next_id > MAX_STREAM_ID:
            raise StreamStateError("the session has used up its streams")
        stream_id, self._next_id = self._next_id, self._next_id + 2
        self._streams[stream_id] = _Stream()
        self._frame(FrameType.WINDOW_UPDATE, Flag.SYN, stream_id)
        return stream_id

    def accept(self, stream_id: int) -> None:
        """Take a stream that the peer has opened; nothing on one that is gone."""
        stream = self._streams.get(stream_id)
        if stream is not None and not stream.accepted:
            stream.accepted = True
            self._frame(FrameType.WINDOW_UPDATE, Flag.ACK, stream_id)

    def send_window(self, stream_id: int) -> int:
        """Bytes that may be sent on the stream now. Raises ``StreamStateError``."""
        return self._get(stream_id).send_window

    def send(self, stream_id: int, data: bytes | memoryview) -> None:
        """Send at most ``send_window`` bytes. Raises ``StreamStateError``."""
        stream = self._get(stream_id)
        if stream.ended_here:
            raise StreamStateError(f"stream {stream_id} was ended")
        if len(data) > stream.send_window:
            raise StreamStateError(f"{len(data)} bytes are more than the {stream.send_window} that the peer takes now")
        if data:
            stream.send_window -= len(data)
            self._put(HEADER.pack(VERSION, FrameType.DATA, 0, stream_id, len(data)))
            self._put(data)

    def end(self, stream_id: int) -> None:
        """Send nothing more on the stream; receiving goes on. Safe to repeat; nothing on a stream that is gone."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_here:
            return
        stream.ended_here = True
        self._frame(FrameType.WINDOW_UPDATE, Flag.FIN, stream_id)
        self._drop_if_done(stream_id, stream)

    def reset(self, stream_id: int) -> None:
        """Drop a stream in both directions; nothing on one that is gone."""
        if self._streams.pop(stream_id, None) is not None:
            self._frame(FrameType.WINDOW_UPDATE, Flag.RST, stream_id)

    def consumed(self, stream_id: int, size: int) -> None:
        """So many bytes that came on the stream are out of the way; the peer is told when it is worth it."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.ended_there:
            return
        stream.consumed += size
        if stream.consumed >= WINDOW // 2:
            granted, stream.consumed = stream.consumed, 0
            stream.receive_window += granted
            self._frame(FrameType.WINDOW_UPDATE, Flag(0), stream_id, granted)

    def ping(self, value: int) -> None:
        """Ask the peer to answer with ``Ponged``."""
        self._frame(FrameType.PING, Flag.SYN, 0, value & 0xFFFFFFFF)

    def go_away(self, code: GoAway = GoAway.NORMAL) -> None:
        """Tell the peer that this side takes no more streams. Safe to repeat."""
        if not self._going_away:
            self._going_away = True
            self._frame(FrameType.GO_AWAY, Flag(0), 0, code)

    def take(self, most: int | None = None) -> bytes:
        """Bytes for the peer: all that wait, or whole frames of at least ``most`` bytes."""
        parts: list[bytes | memoryview] = []
        size = 0
        while self._outgoing and (most is None or size < most):
            header = self._outgoing.popleft()
            parts.append(header)
            size += HEADER.size
            if header[1] == FrameType.DATA:
                body = self._outgoing.popleft()
                parts.append(body)
                size += len(body)
            else:
                self._answers -= HEADER.size
        self.waiting -= size
        return b"".join(parts)

    # What the peer does

    def receive(self, data: bytes | memoryview) -> list[Event]:
        """What the next bytes of the peer mean. Raises ``YamuxError``."""
        if self._over:
            raise YamuxError("the session is over")
        events: list[Event] = []
        view = memoryview(data)
        try:
            while view:
                view = self._take_body(view, events) if self._body else self._take_header(view, events)
        except YamuxError:
            self._fail()
            raise
        return events

    def _take_header(self, view: memoryview, events: list[Event]) -> memoryview:
        missing = HEADER.size - len(self._header)
        self._header += view[:missing]
        if len(self._header) == HEADER.size:
            version, kind, flags, stream_id, length = HEADER.unpack(self._header)
            self._header.clear()
            if version != VERSION:
                raise YamuxError(f"version {version} is not spoken here")
            if flags > 15:
                raise YamuxError(f"unknown flags {flags:#x}")
            self._take_frame(kind, Flag(flags), stream_id, length, events)
            if self._answers > MAX_WAITING:
                raise YamuxError("too many answers wait to be read")
        return view[missing:]

    def _take_frame(self, kind: int, flags: Flag, stream_id: int, length: int, events: list[Event]) -> None:
        if kind in (FrameType.DATA, FrameType.WINDOW_UPDATE):
            if not stream_id:
                raise YamuxError("stream 0 is the session's own")
            if kind == FrameType.DATA:
                self._begin_data(flags, stream_id, length, events)
            else:
                self._update_window(flags, stream_id, length, events)
        elif stream_id:
            raise YamuxError("a frame of the session names a stream")
        elif kind == FrameType.PING:
            self._answer_ping(flags, length, events)
        elif kind == FrameType.GO_AWAY:
            self._gone_away = True
            events.append(GoneAway(length))
        else:
            raise YamuxError(f"unknown frame type {kind}")

    def _begin_data(self, flags: Flag, stream_id: int, length: int, events: list[Event]) -> None:
        stream = self._stream_of(flags, stream_id, events)
        if length > (WINDOW if stream is None else stream.receive_window):
            raise YamuxError(f"{length} bytes on stream {stream_id} are more than its window")
        if stream is not None:
            stream.receive_window -= length
        self._body, self._body_id, self._body_flags = length, stream_id, flags
        if not length:
            self._apply(flags, stream_id, events)

    def _take_body(self, view: memoryview, events: list[Event]) -> memoryview:
        piece, rest = view[: self._body], view[self._body :]
        self._body -= len(piece)
        stream = self._streams.get(self._body_id)
        if stream is not None and not stream.ended_there:  # a peer with threads may send once more after its end
            events.append(Data(self._body_id, piece))
        if not self._body:
            self._apply(self._body_flags, self._body_id, events)
        return rest

    def _update_window(self, flags: Flag, stream_id: int, delta: int, events: list[Event]) -> None:
        stream = self._stream_of(flags, stream_id, events)
        if stream is not None and delta:
            stream.send_window += delta
            if stream.send_window > MAX_SEND_WINDOW:
                raise YamuxError(f"the window of stream {stream_id} is larger than there can be")
            events.append(Room(stream_id))
        self._apply(flags, stream_id, events)

    def _stream_of(self, flags: Flag, stream_id: int, events: list[Event]) -> _Stream | None:
        """The stream that a frame is about; None for one that is gone or was refused."""
        if Flag.SYN in flags:
            self._open_for_peer(stream_id, events)
        stream = self._streams.get(stream_id)
        if stream is not None and Flag.ACK in flags and self._is_own(stream_id) and not stream.acknowledged:
            stream.acknowledged = True
            events.append(Accepted(stream_id))
        return stream

    def _open_for_peer(self, stream_id: int, events: list[Event]) -> None:
        if self._is_own(stream_id):
            raise YamuxError(f"stream {stream_id} is not the peer's to open")
        if stream_id in self._streams:
            raise YamuxError(f"stream {stream_id} is open already")
        if self._going_away or len(self._streams) >= self._max_streams:
            self._frame(FrameType.WINDOW_UPDATE, Flag.RST, stream_id)
            return
        self._streams[stream_id] = _Stream(accepted=False)
        events.append(Opened(stream_id))

    def _apply(self, flags: Flag, stream_id: int, events: list[Event]) -> None:
        """Do what a frame's flags say of the end of its stream."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if Flag.RST in flags:
            del self._streams[stream_id]
            events.append(Reset(stream_id))
        elif Flag.FIN in flags and not stream.ended_there:
            stream.ended_there = True
            events.append(Ended(stream_id))
            self._drop_if_done(stream_id, stream)

    def _answer_ping(self, flags: Flag, value: int, events: list[Event]) -> None:
        if Flag.SYN in flags:
            self._frame(FrameType.PING, Flag.ACK, 0, value)
        elif Flag.ACK in flags:
            events.append(Ponged(value))

    # Both

    def _frame(self, kind: FrameType, flags: Flag, stream_id: int, length: int = 0) -> None:
        """Queue a frame without a body."""
        if not self._over:
            self._answers += HEADER.size
            self._put(HEADER.pack(VERSION, kind, flags, stream_id, length))

    def _put(self, part: bytes | memoryview) -> None:
        self._outgoing.append(part)
        self.waiting += len(part)

    def _fail(self) -> None:
        """End everything; only the reason is still to be sent."""
        self._outgoing.clear()
        self.waiting = self._answers = 0
        self._frame(FrameType.GO_AWAY, Flag(0), 0, GoAway.PROTOCOL_ERROR)
        self._over = True
        self._streams.clear()

    def _get(self, stream_id: int) -> _Stream:
        stream = self._streams.get(stream_id)
        if stream is None:
            raise StreamStateError(f"stream {stream_id} is not open")
        return stream

    def _drop_if_done(self, stream_id: int, stream: _Stream) -> None:
        if stream.ended_here and stream.ended_there:
            del self._streams[stream_id]

    def _is_own(self, stream_id: int) -> bool:
        return stream_id % 2 == (1 if self._client else 0)
