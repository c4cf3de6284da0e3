"""What callers ask for is checked before anything is done."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from sandboxcore.shim.requests import (
    RefusedError,
    command_id,
    parse_reading,
    parse_start,
    signal_number,
    terminal_size,
)
from sandboxcore.shim.spawner import TerminalSize

GOOD: dict[str, Any] = {"command_id": "c", "candidates": [["sh", "-c", "true"]]}


def start(**changes: Any) -> Any:
    return parse_start({**GOOD, **changes}, default_ttl=600)


def test_it_works() -> None:
    request = start(env={"A": "1"}, cwd="/tmp", timeout=5, idle_timeout=-1, ttl=-1, pty=True, rows=5, cols=9)
    assert request.spawn.env == {"A": "1"}
    assert request.spawn.pty == TerminalSize(5, 9)
    assert (request.timeout, request.idle_timeout, request.ttl) == (5, None, None)


def test_defaults() -> None:
    request = start()
    assert (request.timeout, request.idle_timeout, request.ttl) == (None, None, 600)
    assert (request.spawn.cwd, request.spawn.pty, request.label) == (None, None, "sh -c true")
    assert start(timeout=0).timeout is None
    assert start(idle_timeout=0, ttl=0).ttl == 0


def test_a_missing_id_is_made() -> None:
    request = parse_start({"candidates": [["true"]]}, default_ttl=1)
    assert len(request.command_id) == 32


@pytest.mark.parametrize(
    "changes",
    [
        {"command_id": ""},
        {"command_id": 7},
        {"command_id": "x" * 129},
        {"candidates": []},
        {"candidates": "sh"},
        {"candidates": [[]]},
        {"candidates": ["sh"]},
        {"candidates": [["sh", 1]]},
        {"candidates": [["sh", "a\0b"]]},
        {"candidates": [["sh", "\ud800"]]},
        {"env": []},
        {"env": {"A": 1}},
        {"env": {"A=B": "1"}},
        {"env": {"": "1"}},
        {"env": {"A": "\0"}},
        {"cwd": 5},
        {"cwd": "\0"},
        {"timeout": "5"},
        {"timeout": True},
        {"timeout": float("nan")},
        {"ttl": float("inf")},
        {"idle_timeout": []},
        {"pty": True, "rows": -1},
        {"pty": True, "cols": 1 << 20},
        {"pty": True, "rows": "24"},
        {"meta": "me"},
        {"meta": {"who": "x" * 5000}},
        {"label": 3},
    ],
)
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        start(**changes)
    assert caught.value.message()["error_type"] == "CommandError"


def test_names_that_are_not_utf8_can_be_given() -> None:
    assert start(candidates=[["ls", "\udcff"]]).spawn.candidates == [["ls", "\udcff"]]


@pytest.mark.parametrize("offset", [-1, 1.5, "3", True])
def test_offsets_are_counts(offset: object) -> None:
    with pytest.raises(RefusedError):
        parse_reading({"stdout_offset": offset})


def test_readings() -> None:
    reading = parse_reading({"stdout_offset": 3, "gaps": True})
    assert (reading.offsets, reading.gaps, reading.modes) == ((3, 0), True, False)


def test_signals_have_names() -> None:
    assert signal_number({"signal": "SIGINT"}) == signal.SIGINT
    for bad in ("INT", "SIG_DFL", "", None, 9):
        with pytest.raises(RefusedError):
            signal_number({"signal": bad})


def test_ids_and_sizes_have_a_type() -> None:
    assert terminal_size({}) == TerminalSize(24, 80)
    with pytest.raises(RefusedError):
        command_id({})
