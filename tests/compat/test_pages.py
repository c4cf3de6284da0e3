"""The tables of docs/compatibility.md and of the README are what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compat import grid
from tests.compat.environments import VERSIONS
from tests.compat.runs import KINDS, Report, Verdict

if TYPE_CHECKING:
    from tests.compat.runs import Reports


def _reports(**outcomes: dict[str, str]) -> Reports:
    """Reports of all releases in which ``SandboxClient.close`` has these outcomes, by kind, and ok where not said."""
    made = {}
    for version in VERSIONS:
        for kind in KINDS:
            outcome = outcomes.get(kind, {}).get(version, "ok")
            verdicts = [Verdict("client", "story", outcome, "", 0.1)] if outcome else []
            made[version, kind] = Report(version, kind, {"SandboxClient.close": verdicts} if outcome else {})
    return made


def test_a_cell_says_the_worst_of_what_was_seen() -> None:
    table = grid.methods_table(_reports(sync={"0.7.10": "", "0.7.20": "failed"}))
    assert table.splitlines()[2] == "| `SandboxClient.close` | ✓ | ✓ | sync ✗, async ✓ | ✓ | ✓ | ✓ |"


def test_a_release_without_the_method_gets_a_dash() -> None:
    without = {"0.7.10": ""}
    table = grid.groups_table(_reports(sync=without, **{"async": without}))
    assert table.splitlines()[2] == "| client | — | ✓ | ✓ | ✓ | ✓ | ✓ |"


def test_refused_is_told_only_where_nothing_else_was_asked() -> None:
    refused = dict.fromkeys(VERSIONS, "refused")
    reports = _reports(sync=refused, **{"async": refused})
    assert grid.methods_table(reports).splitlines()[2].count("refused") == len(VERSIONS)
    reports["0.7.10", "sync"].methods["SandboxClient.close"].append(Verdict("client", "other", "ok", "", 0.1))
    assert "sync ✓, async refused" in grid.methods_table(reports)


def test_an_unknown_table_is_no_table() -> None:
    page = "<!-- grid:groups said -->\nold\n<!-- /grid -->"
    tables = {"groups": lambda _reports: "new\n"}
    assert grid.fill(page, tables, {}) == "<!-- grid:groups said -->\nnew\n<!-- /grid -->"
    with pytest.raises(KeyError):
        grid.fill(page.replace("groups", "others"), tables, {})
