"""Runtimes are found by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes import registry
from sandboxcore.runtimes.base import RuntimeUnavailableError
from sandboxcore.runtimes.process.driver import ProcessRuntime

if TYPE_CHECKING:
    from pathlib import Path


def test_it_works(tmp_path: Path) -> None:
    assert isinstance(registry.load("process", run_dir=tmp_path), ProcessRuntime)


def test_an_unknown_name_tells_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailableError) as caught:
        registry.load("warp", run_dir=tmp_path)
    assert "namespaces, process" in str(caught.value)
    assert "SANDBOXD_RUNTIME" in caught.value.remedy


def test_a_module_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "broken", "sandboxcore.runtimes.no_such:Thing")
    with pytest.raises(RuntimeUnavailableError, match="cannot be loaded"):
        registry.load("broken", run_dir=tmp_path)


def test_other_packages_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("extra", "sandboxcore.runtimes.process.driver:ProcessRuntime", registry.GROUP)

    def found(**wanted: Any) -> list[EntryPoint]:
        return [point] if wanted.get("name", "extra") == "extra" else []

    monkeypatch.setattr(registry, "entry_points", found)
    assert "extra" in registry.names()
    assert isinstance(registry.load("extra", run_dir=tmp_path), ProcessRuntime)
