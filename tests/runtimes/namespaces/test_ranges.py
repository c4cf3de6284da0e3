"""Ranges of ids are handed out once, whoever asks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import ranges
from sandboxcore.runtimes.namespaces.ranges import Ranges, ids_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_two_hosts_never_share_a_range(tmp_path: Path) -> None:
    first, second = Ranges(tmp_path / "locks"), Ranges(tmp_path / "locks")
    taken = [host.take() for host in (first, second) * 5]
    indexes = [one[0] for one in taken if one is not None]
    assert len(set(indexes)) == 10
    for host in (first, second):
        for index in indexes:
            host.release(index)


def test_a_range_is_taken_as_long_as_a_shim_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "COUNT", 1)
    host = Ranges(tmp_path / "locks")
    taken = host.take()
    assert taken is not None
    shim = os.dup(taken[1])
    assert host.take() is None
    host.release(taken[0])
    assert Ranges(tmp_path / "locks").take() is None
    os.close(shim)
    again = Ranges(tmp_path / "locks")
    assert again.take() is not None
    again.release(0)


def test_an_adopted_range_is_not_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "COUNT", 2)
    host = Ranges(tmp_path / "locks")
    host.adopt(0)
    taken = host.take()
    assert taken is not None
    assert taken[0] == 1
    assert host.take() is None
    for index in (0, 1):
        host.release(index)


def test_ids() -> None:
    ids = ids_of(3)
    assert (ids.base, ids.count, ids.shim_id) == (0x70030000, 65535, 0x7003FFFF)
    assert ids_of(ranges.COUNT - 1).shim_id < 0x7FFE0000
