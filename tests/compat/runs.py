"""Runs the driver in each release's environment, several at once, and reads what it prints."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.compat import environments
from tests.compat.workspaces import small_workspace
from tests.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tests.stack import Stack

KINDS = ("sync", "async")
_AT_ONCE = 4
_WITHIN = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one story said of one method: ``ok``, ``refused`` (as it should be) or ``failed``."""

    group: str
    case: str
    outcome: str
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """One release and kind of client: a list of verdicts for each public method, and what the release offers."""

    version: str
    kind: str
    methods: dict[str, list[Verdict]] = field(default_factory=dict)
    release: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""
    """Why the driver itself did not come to its end, if so."""

    def of_group(self, group: str) -> list[tuple[str, Verdict]]:
        """The verdicts of one group, each with its method."""
        return [(name, each) for name, verdicts in self.methods.items() for each in verdicts if each.group == group]


Reports = dict[tuple[str, str], Report]


def run_all(stack: Stack, wanted: Collection[tuple[str, str]] | None = None) -> Reports:
    """Prepare the environments and run the driver for each release and kind, or for those wanted."""
    runs = [
        (version, kind)
        for version in environments.VERSIONS
        for kind in KINDS
        if wanted is None or (version, kind) in wanted
    ]
    pythons = environments.prepare([version for version in environments.VERSIONS if version in dict(runs)])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        reports = pool.map(lambda run: _run(pythons[run[0]], run[0], run[1], stack), runs)
        return dict(zip(runs, reports, strict=True))


def _run(python: Path, version: str, kind: str, stack: Stack) -> Report:
    with small_workspace(stack) as small_key:
        return _drive(python, version, kind, {**_environment(stack), "COMPAT_SMALL_KEY": small_key})


def _environment(stack: Stack) -> dict[str, str]:
    # Nothing of the machine's own settings for the client may reach it.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("LANG", "SANDBOX", "PYTHON"))
    }
    return {
        **inherited,
        "LANG": "C.UTF-8",
        "LANGSMITH_ENDPOINT": stack.api_endpoint.removesuffix("/v2/sandboxes"),
        "LANGSMITH_API_KEY": stack.api_key,
    }


def _drive(python: Path, version: str, kind: str, environment: dict[str, str]) -> Report:
    try:
        done = subprocess.run(
            [python, "-m", "tests.compat.driver", kind],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_WITHIN,
        )
    except subprocess.TimeoutExpired as error:
        return Report(version, kind, trouble=f"the driver did not end within {error.timeout:g} seconds")
    return read(version, kind, done.stdout, "" if done.returncode == 0 else done.stderr[-4000:] or "it failed silently")


def read(version: str, kind: str, text: str, trouble: str = "") -> Report:
    """A report from the lines that the driver printed."""
    report = Report(version, kind, trouble=trouble)
    for line in map(json.loads, text.splitlines()):
        if line["line"] == "method":
            report.methods[line["method"]] = [Verdict(**verdict) for verdict in line["verdicts"]]
        else:
            report.release.update(line)
    return report
