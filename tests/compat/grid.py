"""Writes the tables of docs/compatibility.md and of the README from what the driver saw.

``python -m tests.compat.grid`` starts an installation of its own for it, as the tests do.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from tests.compat.changes import what_each_brought
from tests.compat.driver.registry import GROUPS
from tests.compat.environments import VERSIONS
from tests.compat.runs import KINDS, run_all
from tests.stack import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.compat.runs import Report, Reports

ABSENT = "—"
_MARKS = {"ok": "✓", "refused": "refused", "failed": "✗"}
_BLOCK = re.compile(r"(<!-- grid:(\w+) [^\n]*-->\n).*?(<!-- /grid -->)", re.DOTALL)
PAGES = (ROOT / "docs" / "compatibility.md", ROOT / "README.md")


def main() -> int:
    """Write both pages, or with ``--check`` say whether they are as they would be written."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat.grid")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is not current")
    check = parser.parse_args().check
    with Stack.new() as stack:
        reports = run_all(stack)
    for report in reports.values():
        if report.trouble:
            sys.stderr.write(f"{report.version} {report.kind}: {report.trouble}\n")
    stale = [page for page, text in written(reports).items() if page.read_text() != text]
    for page in stale:
        sys.stderr.write(f"{page.relative_to(ROOT)} {'is not current' if check else 'written'}\n")
        if not check:
            page.write_text(written(reports)[page])
    return int(check and bool(stale))


def written(reports: Reports) -> dict[Path, str]:
    """Each page with its tables as these reports say. Raises ``KeyError`` for a table that is not known."""
    tables: dict[str, Callable[[Reports], str]] = {
        "groups": groups_table,
        "methods": methods_table,
        "changes": what_each_brought,
    }
    return {page: fill(page.read_text(), tables, reports) for page in PAGES}


def fill(text: str, tables: Mapping[str, Callable[[Reports], str]], reports: Reports) -> str:
    """A page with each marked block replaced by its table."""
    return _BLOCK.sub(lambda found: f"{found[1]}{tables[found[2]](reports)}{found[3]}", text)


def groups_table(reports: Reports) -> str:
    """Groups of methods by release."""
    rows = []
    for group in GROUPS:
        outcomes = [
            [[verdict.outcome for _, verdict in reports[version, kind].of_group(group)] for kind in KINDS]
            for version in VERSIONS
        ]
        rows.append([group, *(_cell(each) for each in outcomes)])
    return _table(["", *VERSIONS], rows)


def methods_table(reports: Reports) -> str:
    """Methods by release, in the order of classes and of their code."""
    names = list(dict.fromkeys(name for report in reversed(reports.values()) for name in report.methods))
    names.sort(key=lambda name: name.partition(".")[0] != "SandboxClient")
    rows = []
    for name in names:
        outcomes = [[_of_method(reports[version, kind], name) for kind in KINDS] for version in VERSIONS]
        rows.append([f"`{name}`", *(_cell(each) for each in outcomes)])
    return _table(["", *VERSIONS], rows)


def _of_method(report: Report, name: str) -> list[str]:
    return [verdict.outcome for verdict in report.methods.get(name, ())]


def _cell(by_kind: list[list[str]]) -> str:
    """One mark where both kinds agree or only one has it, else one for each."""
    marks = [_mark(outcomes) for outcomes in by_kind]
    there = dict.fromkeys(mark for mark in marks if mark != ABSENT)
    if len(there) > 1:
        return ", ".join(f"{kind} {mark}" for kind, mark in zip(KINDS, marks, strict=True))
    return next(iter(there), ABSENT)


def _mark(outcomes: list[str]) -> str:
    """The worst of what was seen; ``refused`` only where nothing else was asked."""
    for outcome in ("failed", "ok", "refused"):
        if outcome in outcomes:
            return _MARKS[outcome]
    return ABSENT


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---", *[":-:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
