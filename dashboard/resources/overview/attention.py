"""What needs a person: failures, pools that cannot fill, sandboxes that nobody uses, limits nearly reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.urls import reverse

from dashboard.lists.cells import cores, size
from dashboard.resources.lifetimes import moment
from dashboard.resources.listing import addressable
from dashboard.resources.overview.held import bars
from dashboard.teams.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.resources.overview.parts import Parts
    from sandboxcore.models import Pool
    from sandboxcore.summaries import FailedSandbox, IdleSandbox

IDLE_AFTER = timedelta(hours=1)
"""A sandbox that nobody used for longer is worth a look."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at. ``name`` and ``words`` may be a server's or a sandbox's: shown as they are, escaped."""

    level: str
    """``danger``: it does not work; ``warning``: it may not soon; ``info``: it costs."""
    icon: str
    what: str
    name: str
    words: str
    href: str
    at: str | None = None


def items(parts: Parts, team: str) -> list[Item]:
    """All of it, the worst first; parts that could not be had add nothing."""
    found: list[Item] = []
    if not isinstance(parts.summary, Problem):
        found += [_failed(each, team) for each in addressable(parts.summary.failed)]
    if not isinstance(parts.pools, Problem):
        found += [_pool(each, team) for each in addressable(parts.pools)]
    if not isinstance(parts.limits, Problem):
        found += [
            Item(
                "warning", "gauge", "Limit nearly reached:", bar.label, bar.words, reverse("sandbox_list", args=[team])
            )
            for bar in bars(parts.limits)
            if bar.nearly
        ]
    if not isinstance(parts.summary, Problem):
        found += _idle(addressable(parts.summary.idle), team)
    return found


def _failed(sandbox: FailedSandbox, team: str) -> Item:
    words = sandbox.status_message or "The server gave no reason."
    href = reverse("sandbox", args=[team, sandbox.name])
    return Item("danger", "alert-triangle", "Failed:", sandbox.name, words, href, sandbox.updated_at)


def _pool(pool: Pool, team: str) -> Item:
    words = pool.status_message or "The server gave no reason."
    what = "Pool cannot fill:" if pool.status == "failing" else "Pool held back by a limit:"
    return Item(
        "danger" if pool.status == "failing" else "warning",
        "alert-triangle",
        what,
        pool.name,
        words,
        reverse("pool", args=[team, pool.name]),
    )


def _idle(sandboxes: list[IdleSandbox], team: str) -> Iterator[Item]:
    for sandbox in sandboxes:
        last = moment(sandbox.last_activity_at)
        if last is None or datetime.now(UTC) - last < IDLE_AFTER:
            continue
        words = f"Nobody uses it, and it holds {cores(sandbox.cpu_millis)} CPU and {size(sandbox.memory_bytes)}."
        href = reverse("sandbox", args=[team, sandbox.name])
        yield Item("info", "zzz", "Idle:", sandbox.name, words, href, sandbox.last_activity_at)
