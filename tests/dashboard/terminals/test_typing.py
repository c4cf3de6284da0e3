"""What a process remembers of a page's typing, where the server does not."""

from __future__ import annotations

import pytest

from dashboard.terminals import typing as typing_module
from dashboard.terminals.typing import MissingInputError, Typing, Typings


async def nothing(data: bytes) -> None:
    raise AssertionError(f"wrote {data!r}")


async def test_it_works() -> None:
    typing, written = Typing(0), bytearray()

    async def write(data: bytes) -> None:
        written.extend(data)

    assert await typing.deliver(0, b"abc", write) == 3
    assert await typing.deliver(1, b"bcd", write) == 4
    assert bytes(written) == b"abcd"


async def test_a_failed_write_is_not_taken() -> None:
    typing = Typing(0)

    async def fail(_: bytes) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await typing.deliver(0, b"abc", fail)
    assert typing.taken == 0


async def test_what_was_taken_is_not_written_again() -> None:
    typing = Typing(10)
    assert await typing.deliver(4, b"abc", nothing) == 10
    assert await typing.deliver(7, b"abc", nothing) == 10


async def test_a_hole_is_refused() -> None:
    with pytest.raises(MissingInputError):
        await Typing(10).deliver(11, b"abc", nothing)


def test_pages_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_module, "MAX_CLIENTS", 2)
    typings = Typings()
    for client in ("a", "b", "a", "c"):
        typings.get(client)
    assert typings.get("a")[1]
    assert not typings.get("b")[1]
