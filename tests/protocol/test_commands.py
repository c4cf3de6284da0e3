"""What a client says about a command."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.protocol import commands
from sandboxcore.protocol.commands import CommandRequest


def test_it_works() -> None:
    assert json.loads(commands.kill()) == {"type": "kill"}
    assert json.loads(commands.close_stdin()) == {"type": "close_stdin"}
    assert json.loads(commands.signal("SIGTERM")) == {"type": "signal", "signal": "SIGTERM"}
    assert json.loads(commands.resize(2, 3)) == {"type": "resize", "rows": 2, "cols": 3}


def test_our_fields_are_sent_only_when_used() -> None:
    message = json.loads(CommandRequest("x", "c").message(gaps=False))
    assert set(message) & {"env", "cwd", "pty", "rows", "cols", "gaps", "close_stdin"} == set()
    assert json.loads(commands.reconnect("c", 1, 2, gaps=True))["gaps"] is True
    assert "gaps" not in json.loads(commands.reconnect("c", 1, 2, gaps=False))


def test_http_body() -> None:
    assert CommandRequest("x", "c").http_body() == {"command": "x", "timeout": 60, "shell": "/bin/bash"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), st.integers(0, 40_000))
def test_input_is_whole_and_in_pieces_that_fit(text: str, times: int) -> None:
    data = text * times
    pieces = list(commands.input_pieces(data))
    assert "".join(json.loads(piece)["data"] for piece in pieces) == data
    assert all(len(piece.encode()) < 1 << 20 for piece in pieces)


def test_the_worst_input_still_fits() -> None:
    (piece,) = commands.input_pieces("\x01" * commands.INPUT_PIECE)
    assert len(piece.encode()) < 1 << 20


@pytest.mark.parametrize(("rows", "cols"), [(0, 1), (1, 0), (-1, 1), (1, 1 << 16)])
def test_sizes_that_no_terminal_has(rows: int, cols: int) -> None:
    with pytest.raises(ValueError, match="terminal"):
        commands.resize(rows, cols)
