"""Environments: made once, whole or not at all, by any number of runs at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.compat import environments

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Builds in place of pip's: a folder with what a whole environment has; notes each."""
    folders: list[Path] = []

    def build(version: str, into: Path) -> None:
        folders.append(into)
        (into / "bin").mkdir()
        (into / "bin" / "python").touch()
        (into / "installed.txt").write_text(f"langsmith=={version}\nhttpx==0.28.1\n")

    monkeypatch.setattr(environments, "_build", build)
    return folders


def test_it_works(tmp_path: Path, built: list[Path]) -> None:
    pythons = environments.prepare(["0.7.10", "0.7.33"], tmp_path)
    assert list(pythons) == ["0.7.10", "0.7.33"]
    assert environments.installed(pythons["0.7.33"]) == {"langsmith": "0.7.33", "httpx": "0.28.1"}
    assert environments.prepare(["0.7.10", "0.7.33"], tmp_path) == pythons
    assert len(built) == 2
    assert {each.name for each in tmp_path.iterdir()} == {each.parent.parent.name for each in pythons.values()}


def test_a_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_version: str, into: Path) -> None:
        (into / "half").touch()
        raise RuntimeError("pip could not")

    monkeypatch.setattr(environments, "_build", fail)
    with pytest.raises(RuntimeError, match="pip could not"):
        environments.prepare(["0.7.10"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_runs_at_once(tmp_path: Path, built: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    build, together = environments._build, threading.Barrier(2, timeout=10)

    def meet(version: str, into: Path) -> None:
        build(version, into)
        together.wait()

    monkeypatch.setattr(environments, "_build", meet)
    found: list[Path] = []
    runs = [
        threading.Thread(target=lambda: found.append(environments.prepare(["0.7.10"], tmp_path)["0.7.10"]))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=20)
    assert len(built) == 2
    assert len(found) == 2
    assert found[0] == found[1]
    assert found[0].exists()
    assert list(tmp_path.iterdir()) == [found[0].parent.parent]


def test_one_that_lost_its_python_is_made_anew(tmp_path: Path, built: list[Path]) -> None:
    python = environments.prepare(["0.7.10"], tmp_path)["0.7.10"]
    python.unlink()
    assert environments.prepare(["0.7.10"], tmp_path)["0.7.10"].exists()
    assert len(built) == 2


def test_where_they_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert environments.cache_folder() == tmp_path / "sandbox-console" / "compat"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert environments.cache_folder() == tmp_path / ".cache" / "sandbox-console" / "compat"


def test_pip_says_what_it_could_not_do(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"pip could not .*no-such-requirement-file"):
        environments._pip(tmp_path / "bin" / "python", "install", "-r", "no-such-requirement-file")
