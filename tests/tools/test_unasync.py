"""The generator of the synchronous client, and that what it generates is committed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tools import unasync

if TYPE_CHECKING:
    from pathlib import Path


def test_it_works() -> None:
    source = (
        '"""An asynchronous `AsyncSandbox`: await it, async with it."""\n'
        "async def f(x: AsyncSandbox) -> None:  # await\n"
        "    async with await x.y() as z:\n"
        "        return [i async for i in z]\n"
    )
    assert unasync.translate(source, Counter()) == (
        '"""An synchronous `Sandbox`: it, with it."""\n'
        "def f(x: Sandbox) -> None:  # \n"
        "    with x.y() as z:\n"
        "        return [i for i in z]\n"
    )


def test_names_inside_names_are_left_alone() -> None:
    assert unasync.translate("MyAsyncSandbox = awaited\n", Counter()) == "MyAsyncSandbox = awaited\n"


def test_strings_in_strings() -> None:
    source = 'x = f"{await y} AsyncSandbox {z!r:>{n}}"\n'
    assert unasync.translate(source, Counter()) == 'x = f"{y} Sandbox {z!r:>{n}}"\n'


def test_what_is_committed_is_what_is_generated() -> None:
    """Whole trees are compared: a missing, an extra and a changed file all fail."""
    assert unasync.differences(unasync.generate(unasync.TREES), unasync.existing(unasync.TREES)) == []


def test_differences(tmp_path: Path) -> None:
    same, other, gone, extra = (tmp_path / name for name in ("same", "other", "gone", "extra"))
    texts = unasync.differences(
        {same: "1\n", other: "1\n2\n", gone: "1\n"}, {same: "1\n", other: "1\n2\n3\n", extra: "1\n"}, tmp_path
    )
    assert texts[0] == "extra: extra"
    assert texts[1] == "missing: gone"
    assert "-3" in texts[2]
    assert len(texts) == 3


def test_writing_removes_what_is_no_longer_generated(tmp_path: Path) -> None:
    extra, wanted = tmp_path / "extra.py", tmp_path / "sub" / "wanted.py"
    extra.write_text("old")
    unasync.write({wanted: "new"}, {extra: "old"})
    assert not extra.exists()
    assert wanted.read_text() == "new"


def test_a_rule_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("async def f(): await g()\n")
    with pytest.raises(unasync.UnasyncError, match=r"matched nothing.*AsyncSandbox"):
        unasync.generate({"a": "b"}, tmp_path)


def test_a_word_without_a_rule_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("AsyncNovelty()\n")
    with pytest.raises(unasync.UnasyncError, match="no rule for AsyncNovelty"):
        unasync.generate({"a": "b"}, tmp_path)


def test_an_empty_tree_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(unasync.UnasyncError, match="no Python files"):
        unasync.generate({"a": "b"}, tmp_path)
