"""Every public method of every release of the published client, sync and async, against a real sandboxd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compat import grid
from tests.compat.driver.registry import GROUPS
from tests.compat.environments import VERSIONS
from tests.compat.runs import KINDS

if TYPE_CHECKING:
    from tests.compat.runs import Reports

# The first of these tests waits for the environments and for every run.
pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]

SINCE = {"tunnel": "0.7.17", "lifetimes": "0.7.25", "service": "0.7.30", "snapshots": "0.7.33"}
"""The first release that has a group; the others are in all."""


def _has(version: str, group: str) -> bool:
    return VERSIONS.index(version) >= VERSIONS.index(SINCE.get(group, VERSIONS[0]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_public_method_is_judged(reports: Reports, version: str, kind: str) -> None:
    report = reports[version, kind]
    assert not report.trouble, report.trouble
    assert report.release["version"] == version
    assert [name for name, verdicts in report.methods.items() if not verdicts] == []
    groups = {verdict.group for verdicts in report.methods.values() for verdict in verdicts}
    assert groups == {group for group in GROUPS if _has(version, group)}


@pytest.mark.parametrize(
    ("version", "kind", "group"),
    [(version, kind, group) for version in VERSIONS for kind in KINDS for group in GROUPS if _has(version, group)],
)
def test_group(reports: Reports, version: str, kind: str, group: str) -> None:
    found = reports[version, kind].of_group(group)
    assert found, reports[version, kind].trouble
    failed = {verdict.case: f"{name}: {verdict.detail}" for name, verdict in found if verdict.outcome == "failed"}
    assert not failed, "\n\n".join(failed.values())


def test_the_tables_of_the_pages_are_what_was_seen(reports: Reports) -> None:
    for page, text in grid.written(reports).items():
        assert page.read_text() == text, f"{page.name} is not current: run .venv/bin/python -m tests.compat.grid"
