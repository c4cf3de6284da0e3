"""Files: whole lines, torn ends, where one goes on."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from dashboard.recordings import cast
from dashboard.recordings.cast import CastBusyError, CastEvent, CastWriter, events, line_of, survey
from dashboard.recordings.file import whole_size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "one.cast"


def written(path: Path, *found: CastEvent) -> None:
    writer = CastWriter(path)
    writer.write(cast.heading(80, 24, 1000.5, "box") + "".join(map(line_of, found)))
    writer.close()


def test_it_works(path: Path) -> None:
    written(path, CastEvent(0.5, "o", "漢\x1b[0m\r\n"), CastEvent(1, "r", "100x30"), CastEvent(2, "m", "marker"))
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(head) == {
        "version": 2,
        "width": 80,
        "height": 24,
        "timestamp": 1000,
        "title": "box",
        "env": {"TERM": "xterm-256color"},
    }
    assert [json.loads(line) for line in lines] == [[0.5, "o", "漢\x1b[0m\r\n"], [1, "r", "100x30"], [2, "m", "marker"]]
    assert path.stat().st_mode & 0o777 == 0o600
    place = survey(path)
    assert (place.seconds, place.offset, place.terminal) == (2, 9, (100, 30))


@pytest.mark.parametrize("torn", ['[3.5, "o", "hal', "[", '[3, "o", "漢'])
def test_a_torn_line_is_dropped_and_written_over(path: Path, torn: str) -> None:
    written(path, CastEvent(0.5, "o", "whole"))
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(torn.encode()[: -1 if torn.endswith("漢") else None])
    assert [event.data for event in events(path)] == ["whole"]
    assert (survey(path).size, whole_size(path)) == (whole, whole)
    writer = CastWriter(path)
    writer.write(line_of(CastEvent(4, "o", "more")))
    writer.close()
    assert [event.data for event in events(path)] == ["whole", "more"]


def test_a_file_torn_in_its_heading_begins_again(path: Path) -> None:
    path.write_text('{"version": 2, "wid')
    writer = CastWriter(path)
    assert writer.place.size == 0
    writer.close()
    assert path.stat().st_size == 0


def test_a_marker_says_where_the_output_goes_on(path: Path) -> None:
    marker = cast.goes_on_at("12 bytes are missing.", 112)
    written(path, CastEvent(0, "o", "before"), CastEvent(1, "o", "\x1b[?1049h"), CastEvent(1, "m", marker))
    assert survey(path).offset == 112
    writer = CastWriter(path)
    writer.write(line_of(CastEvent(2, "o", "éa")) + line_of(CastEvent(2, "m", "another marker")))
    writer.close()
    assert survey(path).offset == 115


def test_two_do_not_write_one_file(path: Path) -> None:
    writer = CastWriter(path)
    with pytest.raises(CastBusyError):
        CastWriter(path)
    writer.close()
    CastWriter(path).close()


def test_a_write_that_fails_halfway_leaves_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, CastEvent(0, "o", "whole"))
    writer = CastWriter(path)
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return real(fd, data[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        writer.write(line_of(CastEvent(1, "o", "x" * 10)))
    writer.close()
    assert path.read_bytes().endswith(b'"whole"]\n')


def test_lone_surrogates_do_not_break_a_file(path: Path) -> None:
    written(path, CastEvent(0, "o", "a\ud800b"))
    assert [event.data for event in events(path)] == ["a?b"]
