"""The terminals' measurements run, with tiny numbers and without the programs of others, and notice a missed goal."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from bench import sandboxes
from bench.figures import Series
from bench.terminals import beside, flood, load
from bench.terminals.products import Console, lines_command
from sandboxcore import SandboxClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[SandboxClient]:
    """With the template of the measurements."""
    with SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        sandboxes.prepare(client)
        yield client
        client.delete_template(sandboxes.TEMPLATE)


def test_it_works(stack: Stack, client: SandboxClient) -> None:
    found = load.measure(stack, client, load.Size(idle=3, active=2, keys=2, sandboxes=2))
    assert [len(series.values) for series in (found.alone, found.beside_idle, found.beside_all)] == [6, 6, 4]
    assert min(found.beside_all.values) > 0
    assert len(found.rows()) == 5


def test_a_flood_is_interrupted_on_pages_that_read_and_on_deaf_ones(stack: Stack, client: SandboxClient) -> None:
    found = flood.measure(stack, client, flood.Size(terminals=2, seconds=0.5, rounds=2, pause=0))
    assert len(found.prompt.values) == 4
    assert found.passed > 0
    assert all(min(each.before, each.most, each.after) > 0 for each in found.memory.values())
    assert len(found.rows()) == 5


def test_the_page_is_measured_in_a_browser(stack: Stack, client: SandboxClient) -> None:
    size = beside.Size(keys=4, file_bytes=100_000, terminals=2, settle=0)
    with client.sandbox(sandboxes.TEMPLATE) as sandbox:
        row = beside.measure_one(lambda: nullcontext(Console(stack, sandbox)), size)
    assert len(row.echo.values) == size.keys
    assert min(row.echo.values) > 0
    assert row.cat_seconds > 0
    assert row.whole
    assert row.all_bytes > row.each_bytes
    assert row.text(size).startswith("| Sandbox Console | ")


def test_the_file_has_the_size_that_is_told(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    subprocess.run(["/bin/sh", "-c", lines_command(100_000, str(file))], check=True)
    lines = file.read_bytes().splitlines(keepends=True)
    assert {len(line) for line in lines} == {100}
    assert [lines[0][:10], lines[-1][:10]] == [b"000000001 ", b"000001000 "]


def test_a_slower_echo_beside_many_is_a_missed_goal() -> None:
    alone, beside_all = Series("alone", [0.001]), Series("beside", [0.0021])
    found = load.Found(load.Size(), alone, alone, beside_all, {}, {})
    with pytest.raises(AssertionError, match=r"2\.10 times"):
        found.check()


@pytest.mark.parametrize(
    ("growth", "seconds", "words"),
    [
        (flood.Growth(80_000_000, 90_000_000, 200_000_000), 0.1, "grew to 200 MB"),
        (flood.Growth(80_000_000, 85_000_000, 95_000_000), 0.1, "goes on growing"),
        (flood.Growth(80_000_000, 85_000_000, 85_000_000), 0.3, "300 ms"),
    ],
)
def test_memory_that_grows_and_a_late_prompt_are_missed_goals(growth: flood.Growth, seconds: float, words: str) -> None:
    found = flood.Found(flood.Size(), {"console": growth}, Series("prompt", [seconds]), 0)
    with pytest.raises(AssertionError, match=words):
        found.check()
