"""Messages between shim and PID 1, and guards' reports: cut anywhere, hostile in every way."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.runtimes.namespaces import channel
from sandboxcore.runtimes.namespaces.channel import BlockingChannel, ChannelError, Decoder, encode
from sandboxcore.runtimes.namespaces.reports import KILLED, Report
from sandboxcore.runtimes.namespaces.spawner import _tcp_socket
from sandboxcore.shim.spawner import SpawnError

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[BlockingChannel, BlockingChannel]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    yield BlockingChannel(left), BlockingChannel(right)
    left.close()
    right.close()


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text()), max_size=5), st.integers(1, 40))
def test_any_cut_gives_the_same_messages(messages: list[dict[str, object]], step: int) -> None:
    data = b"".join(encode(message) for message in messages)
    decoder = Decoder(1 << 20)
    found = [part for start in range(0, len(data), step) for part in decoder.feed(data[start : start + step], ())]
    assert found == [(message, []) for message in messages]


@given(st.binary(max_size=200))
def test_noise_is_an_error_or_nothing(noise: bytes) -> None:
    decoder = Decoder(1000)
    with contextlib.suppress(ChannelError):
        assert all(isinstance(message, dict) for message, _ in decoder.feed(noise, ()))


@pytest.mark.parametrize(
    "data",
    [
        channel.HEADER.pack(1001, 0),
        channel.HEADER.pack(2, 9) + b"{}",
        channel.HEADER.pack(2, 1) + b"{}",
        channel.HEADER.pack(2, 0) + b"[]",
        channel.HEADER.pack(2, 0) + b"{:",
        channel.HEADER.pack(900, 0) + b'{"a":' * 180,
    ],
)
def test_refused_messages(data: bytes) -> None:
    with pytest.raises(ChannelError):
        Decoder(1000).feed(data, ())


def test_descriptors_arrive_with_their_message(pair: Pair) -> None:
    left, right = pair
    pipes = [os.pipe() for _ in range(3)]
    for number, (read, write) in enumerate(pipes):
        left.send({"n": number}, [write] if number != 1 else [])
        os.close(write)
        del read
    found: list[channel.Message] = []
    while len(found) < 3:
        found += right.receive() or []
    assert [(message["n"], len(descriptors)) for message, descriptors in found] == [(0, 1), (1, 0), (2, 1)]
    os.write(found[2][1][0], b"third")
    assert os.read(pipes[2][0], 10) == b"third"
    channel.close_all([found[0][1][0], found[2][1][0], *(read for read, _ in pipes)])


def test_descriptors_that_nobody_announced_are_closed() -> None:
    decoder = Decoder(1000)
    read, write = os.pipe()
    assert decoder.feed(encode({"a": 1}), [read]) == [({"a": 1}, [])]
    decoder.close()
    with pytest.raises(BrokenPipeError):
        os.write(write, b"x")
    os.close(write)


def test_a_flood_of_descriptors_is_an_error() -> None:
    decoder = Decoder(1000)
    with pytest.raises(ChannelError):
        decoder.feed(b"", list(range(1000, 1000 + 2 * channel.MAX_DESCRIPTORS + 1)))


def test_the_end(pair: Pair) -> None:
    left, right = pair
    left._connection.close()
    assert right.receive() is None


def test_a_report_in_pieces() -> None:
    report = Report()
    for piece in (b'{"star', b'ted": 12}\n{"ex', b'it": 7}', b"\n"):
        report.feed(piece)
    assert (report.pid, report.exit_code, report.code, report.over) == (12, 7, 7, True)


def test_a_failure() -> None:
    report = Report()
    report.feed(b'{"failed": "no such program"}\n')
    assert (report.started, report.pid, report.failure) == (True, None, "no such program")


def test_a_guard_that_was_killed() -> None:
    report = Report()
    report.feed(b'{"started": 5}\n')
    assert not report.over
    report.feed(b"")
    assert (report.over, report.code) == (True, KILLED)


@pytest.mark.parametrize(
    "line",
    [
        b"noise",
        b"[]",
        b"{}",
        b'{"exit": 256}',
        b'{"exit": -1}',
        b'{"exit": "0"}',
        b'{"started": 0}',
        b'{"started": 99999999999}',
        b'{"started": "1"}',
        b'{"failed": 3}',
        b"\xff\xff",
        b"[" * 4000,
    ],
)
def test_reports_that_are_not_believed(line: bytes) -> None:
    report = Report()
    report.feed(line + b"\n")
    assert (report.pid, report.failure, report.exit_code, report.ended) == (None, None, None, True)


def test_a_second_start_is_not_believed() -> None:
    report = Report()
    report.feed(b'{"started": 5}\n{"started": 6}\n')
    assert (report.pid, report.ended) == (5, True)


def test_an_endless_line_ends_the_report() -> None:
    report = Report()
    report.feed(b"x" * 10_000)
    assert report.ended


def test_what_is_no_connection() -> None:
    read, write = os.pipe()
    os.close(write)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
    local = socket.socket(socket.AF_UNIX).detach()
    for received in ([], [read], [datagrams], [local]):
        with pytest.raises(SpawnError, match="gave no"):
            _tcp_socket(received)
        for descriptor in received:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
