"""Sizes of folders: what is counted, how much is looked at, and for how long it is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.runtimes.process import disk
from sandboxcore.runtimes.process.disk import Sizes, size_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_works(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/nowhere")
    assert 100_000 <= (size_of(tmp_path) or 0) < 200_000


def test_of_too_many_files_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOST_FILES", 3)
    for number in range(2):
        (tmp_path / str(number)).write_text("x")
    assert size_of(tmp_path) is not None
    (tmp_path / "third").write_text("x")
    assert size_of(tmp_path) is None


def test_a_size_is_a_minute_old_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1000.0
    monkeypatch.setattr(disk.time, "monotonic", lambda: moment)
    sizes = Sizes()
    assert sizes.of(tmp_path) == 0
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    moment += disk.KEPT_SECONDS - 1
    assert sizes.of(tmp_path) == 0
    moment += 2
    assert (sizes.of(tmp_path) or 0) >= 100_000
    assert len(sizes._known) == 1
