"""yamux: what goes in comes out, whatever the cuts; and whatever a peer sends, nothing but the protocol's error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.protocol import yamux
from sandboxcore.protocol.yamux import (
    HEADER,
    WINDOW,
    Accepted,
    Data,
    Ended,
    Flag,
    FrameType,
    GoAway,
    GoneAway,
    Opened,
    Ponged,
    Reset,
    Room,
    Session,
    StreamStateError,
    YamuxError,
)


def frame(
    kind: int, flags: int = 0, stream_id: int = 0, length: int = 0, *, body: bytes = b"", version: int = 0
) -> bytes:
    return HEADER.pack(version, kind, flags, stream_id, length or len(body)) + body


def frames(data: bytes) -> list[tuple[int, int, int, int]]:
    """Type, flags, stream and length of every frame."""
    found = []
    while data:
        _, kind, flags, stream_id, length = HEADER.unpack(data[: HEADER.size])
        found.append((kind, flags, stream_id, length))
        data = data[HEADER.size + (length if kind == FrameType.DATA else 0) :]
    return found


def pair() -> tuple[Session, Session]:
    return Session(client=True), Session(client=False)


def connected() -> tuple[Session, Session, int]:
    """A client, a server, and a stream that the server has accepted."""
    client, server = pair()
    stream_id = client.open()
    server.receive(client.take())
    server.accept(stream_id)
    client.receive(server.take())
    return client, server, stream_id


def test_it_works() -> None:
    client, server = pair()
    stream_id = client.open()
    client.send(stream_id, b"hello")
    events = server.receive(client.take())
    assert events == [Opened(1), Data(1, memoryview(b"hello"))]
    server.accept(1)
    server.send(1, b"world")
    server.end(1)
    assert client.receive(server.take()) == [Accepted(1), Data(1, memoryview(b"world")), Ended(1)]
    client.end(stream_id)
    assert server.receive(client.take()) == [Ended(1)]
    assert (client.stream_count, server.stream_count) == (0, 0)


def test_the_bytes_of_the_specification() -> None:
    client, server = pair()
    stream_id = client.open()
    client.send(stream_id, b"ab")
    assert client.take() == bytes.fromhex("000100010000000100000000" + "000000000000000100000002") + b"ab"
    client.ping(7)
    client.go_away()
    assert client.take() == bytes.fromhex("000200010000000000000007" + "000300000000000000000000")
    assert server.receive(frame(FrameType.PING, Flag.SYN, length=7)) == []
    assert server.take() == bytes.fromhex("000200020000000000000007")


def test_ids_are_odd_for_a_client_and_even_for_a_server() -> None:
    client, server = pair()
    assert [client.open(), client.open(), client.open()] == [1, 3, 5]
    assert [server.open(), server.open()] == [2, 4]


sides = st.lists(
    st.tuples(st.sampled_from(["open", "send", "end", "reset"]), st.integers(0, 3), st.integers(1, 70_000))
)


class Side:
    """One end, with all that it sent and got on each stream."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sent: dict[int, bytearray] = {}
        self.got: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.dropped: set[int] = set()

    def act(self, what: str, which: int, size: int) -> None:
        ids = sorted(self.sent)
        try:
            if what == "open" or not ids:
                self.sent[self.session.open()] = bytearray()
                return
            stream_id = ids[which % len(ids)]
            if what == "send":
                content = bytes([size % 251]) * min(size, self.session.send_window(stream_id))
                self.session.send(stream_id, content)
                self.sent[stream_id] += content
            elif what == "end":
                self.session.end(stream_id)
            else:
                self.session.reset(stream_id)
                self.dropped.add(stream_id)
        except StreamStateError:
            return

    def take_in(self, data: bytes) -> None:
        for event in self.session.receive(data):
            if isinstance(event, Opened):
                self.session.accept(event.stream_id)
                self.sent[event.stream_id] = bytearray()
            elif isinstance(event, Data):
                assert event.stream_id not in self.ended
                self.got.setdefault(event.stream_id, bytearray()).extend(event.data)
                self.session.consumed(event.stream_id, len(event.data))
            elif isinstance(event, Ended):
                self.ended.add(event.stream_id)
            elif isinstance(event, Reset):
                self.dropped.add(event.stream_id)


@given(sides, sides, st.lists(st.integers(1, 100_000), min_size=1), st.booleans())
def test_two_ends_deliver_every_byte_in_order(
    first: list[tuple[str, int, int]], second: list[tuple[str, int, int]], cuts: list[int], often: bool
) -> None:
    a, b = Side(Session(client=True)), Side(Session(client=False))

    def exchange() -> None:
        turn = 0
        while a.session.waiting or b.session.waiting:
            for source, sink in ((a, b), (b, a)):
                data = source.session.take()
                while data:
                    cut = cuts[turn % len(cuts)]
                    turn += 1
                    sink.take_in(data[:cut])
                    data = data[cut:]

    for index in range(max(len(first), len(second))):
        for side, actions in ((a, first), (b, second)):
            if index < len(actions):
                side.act(*actions[index])
        if often:
            exchange()
    exchange()
    for source, sink in ((a, b), (b, a)):
        for stream_id, content in source.sent.items():
            got = sink.got.get(stream_id, bytearray())
            if stream_id in a.dropped | b.dropped:
                assert content.startswith(got)
            else:
                assert got == content


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_raise_nothing_else(data: bytes, client: bool) -> None:
    session = Session(client=client)
    try:
        session.receive(data)
    except YamuxError:
        assert frames(session.take())[-1][0] == FrameType.GO_AWAY
        assert session.over


plausible = st.lists(
    st.builds(
        lambda kind, flags, stream_id, length: frame(
            kind, flags, stream_id, length, body=b"x" * length if kind == 0 and length < 1000 else b""
        ),
        st.integers(0, 4),
        st.integers(0, 16),
        st.integers(0, 5),
        st.one_of(st.integers(0, 20), st.sampled_from([WINDOW, WINDOW + 1, 2**31, 2**32 - 1])),
    )
)


@given(plausible, st.lists(st.integers(1, 40), min_size=1))
def test_frames_that_look_right_raise_nothing_else(sent: list[bytes], cuts: list[int]) -> None:
    session = Session(client=False, max_streams=2)
    session.open()
    data = b"".join(sent)[:10_000]
    turn = 0
    try:
        while data:
            cut = cuts[turn % len(cuts)]
            turn += 1
            for event in session.receive(data[:cut]):
                assert isinstance(event, yamux.Event)
            assert session.stream_count <= 2
            data = data[cut:]
    except YamuxError:
        assert frames(session.take()) == [(FrameType.GO_AWAY, 0, 0, GoAway.PROTOCOL_ERROR)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (frame(0, version=1), "version"),
        (frame(4), "type"),
        (frame(0, 16, 1), "flags"),
        (frame(0, Flag.SYN, 0), "stream 0"),
        (frame(1, 0, 0, 5), "stream 0"),
        (frame(2, Flag.SYN, 3), "names a stream"),
        (frame(3, 0, 1), "names a stream"),
        (frame(1, Flag.SYN, 2), "not the peer's"),
        (frame(1, Flag.SYN, 1) * 2, "open already"),
        (frame(0, Flag.SYN, 1, WINDOW + 1), "window"),
        (frame(0, 0, 9, WINDOW + 1), "window"),
        (frame(1, Flag.SYN, 1, 2**32 - 1), "larger"),
    ],
)
def test_what_breaks_the_protocol(data: bytes, why: str) -> None:
    session = Session(client=False)
    with pytest.raises(YamuxError, match=why):
        session.receive(data)
    assert frames(session.take()) == [(FrameType.GO_AWAY, 0, 0, GoAway.PROTOCOL_ERROR)]
    with pytest.raises(YamuxError, match="over"):
        session.receive(b"")
    with pytest.raises(StreamStateError):
        session.open()


def test_the_window_holds_the_sender_back() -> None:
    client, server, stream_id = connected()
    client.send(stream_id, b"x" * WINDOW)
    assert client.send_window(stream_id) == 0
    with pytest.raises(StreamStateError, match="more than the 0"):
        client.send(stream_id, b"y")
    server.receive(client.take())
    server.consumed(stream_id, WINDOW // 2 - 1)
    assert server.waiting == 0, "small steps are not worth a frame"
    server.consumed(stream_id, 1)
    assert client.receive(server.take()) == [Room(stream_id)]
    assert client.send_window(stream_id) == WINDOW // 2


def test_a_peer_that_sends_past_its_window() -> None:
    _, server, stream_id = connected()
    server.receive(frame(0, 0, stream_id, body=b"x" * WINDOW))
    with pytest.raises(YamuxError, match="window"):
        server.receive(frame(0, 0, stream_id, body=b"x"))


def test_a_body_is_given_as_it_comes() -> None:
    _, server, stream_id = connected()
    assert server.receive(frame(0, Flag.FIN, stream_id, 5, body=b"ab")) == [Data(1, memoryview(b"ab"))]
    assert server.receive(b"c") == [Data(1, memoryview(b"c"))]
    assert server.receive(b"de") == [Data(1, memoryview(b"de")), Ended(1)]


def test_half_closes() -> None:
    client, server, stream_id = connected()
    client.end(stream_id)
    client.end(stream_id)
    assert server.receive(client.take()) == [Ended(stream_id)]
    with pytest.raises(StreamStateError, match="ended"):
        client.send(stream_id, b"x")
    server.send(stream_id, b"late")
    assert client.receive(server.take()) == [Data(stream_id, memoryview(b"late"))]
    assert client.stream_count == 1


def test_data_after_the_end_is_dropped() -> None:
    """A peer whose threads write and close at once sends it."""
    _, server, stream_id = connected()
    server.receive(frame(0, Flag.FIN, stream_id))
    assert server.receive(frame(0, 0, stream_id, body=b"late")) == []


def test_frames_of_a_stream_that_is_gone_are_dropped() -> None:
    client, server, stream_id = connected()
    client.send(stream_id, b"on its way")
    server.reset(stream_id)
    assert server.receive(client.take()) == []
    assert client.receive(server.take()) == [Reset(stream_id)]
    client.reset(stream_id)
    client.end(stream_id)
    client.consumed(stream_id, 10)
    assert client.waiting == 0
    with pytest.raises(StreamStateError):
        client.send(stream_id, b"x")


def test_a_reset_in_the_middle_of_a_body() -> None:
    _, server, stream_id = connected()
    server.receive(frame(0, 0, stream_id, 10, body=b"first"))
    server.reset(stream_id)
    assert server.receive(b"other") == []
    assert server.receive(frame(1, Flag.SYN, 3)) == [Opened(3)]


def test_more_streams_than_there_may_be() -> None:
    client, server = Session(client=True), Session(client=False, max_streams=2)
    ids = [client.open() for _ in range(3)]
    assert server.receive(client.take()) == [Opened(ids[0]), Opened(ids[1])]
    assert client.receive(server.take()) == [Reset(ids[2])]
    small = Session(client=True, max_streams=1)
    small.open()
    with pytest.raises(StreamStateError, match="1 streams are open"):
        small.open()


def test_pings() -> None:
    client, server = pair()
    client.ping(0xFFFFFFFF)
    assert server.receive(client.take()) == []
    assert client.receive(server.take()) == [Ponged(0xFFFFFFFF)]


def test_a_peer_that_asks_and_does_not_listen() -> None:
    server = Session(client=False)
    with pytest.raises(YamuxError, match="too many answers"):
        server.receive(frame(FrameType.PING, Flag.SYN) * 10_000)
    assert server.waiting == HEADER.size
    patient = Session(client=False)
    for _ in range(10_000):
        patient.receive(frame(FrameType.PING, Flag.SYN))
        assert patient.take()


def test_streams_opened_and_dropped_for_ever() -> None:
    server = Session(client=False)
    with pytest.raises(YamuxError, match="too many answers"):
        for number in range(1, 100_000, 2):
            for event in server.receive(frame(1, Flag.SYN, number) + frame(0, Flag.RST, number)):
                if isinstance(event, Opened):
                    server.reset(event.stream_id)
            server.receive(frame(1, Flag.SYN, number) + frame(FrameType.PING, Flag.SYN))
            server.reset(number)


def test_going_away() -> None:
    client, server, stream_id = connected()
    server.go_away()
    server.go_away()
    assert client.receive(server.take()) == [GoneAway(GoAway.NORMAL)]
    with pytest.raises(StreamStateError, match="no more"):
        client.open()
    client.send(stream_id, b"what is open goes on")
    assert server.receive(client.take())
    assert server.receive(frame(1, Flag.SYN, 11)) == []
    assert frames(server.take()) == [(FrameType.WINDOW_UPDATE, Flag.RST, 11, 0)]


def test_taking_a_part_keeps_frames_whole() -> None:
    client = Session(client=True)
    stream_id = client.open()
    for _ in range(4):
        client.send(stream_id, b"x" * 1000)
    first = client.take(1)
    second = client.take(1500)
    assert frames(first) == [(1, Flag.SYN, 1, 0)]
    assert frames(second) == [(0, 0, 1, 1000)] * 2
    assert len(first) + len(second) + client.waiting == 5 * HEADER.size + 4000
