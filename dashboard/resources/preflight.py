"""What something would take of a workspace's limits, before it is asked for: what is left, and what could make room."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from dashboard import quantities
from dashboard.quantities import QuantityError, tell_bytes, tell_cpu
from dashboard.resources.listing import is_addressable
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dashboard.teams.access import Access
    from sandboxcore.models import ResourceSpec
    from sandboxcore.reports import Limits
    from sandboxcore.summaries import IdleSandbox

T = TypeVar("T")

WITHIN = 2.0
"""Seconds that the page waits for the figures; without them it is just silent."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What would be taken of each limit."""

    sandboxes: int = 0
    cpu_millis: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    volumes: int = 0
    pools: int = 0

    @classmethod
    def of(cls, resources: ResourceSpec, count: int = 1) -> Wants:
        """That of ``count`` sandboxes with these resources; what is no quantity counts as nothing."""
        return cls(
            sandboxes=count,
            cpu_millis=_amount(quantities.parse_cpu, resources.cpu) * count,
            memory_bytes=_amount(quantities.parse_bytes, resources.memory) * count,
            storage_bytes=_amount(quantities.parse_bytes, resources.storage) * count,
        )


def _amount(parse: Callable[[str], int], text: str | None) -> int:
    try:
        return parse(text) if text else 0
    except QuantityError:
        return 0


@dataclass(frozen=True, slots=True)
class Line:
    """One limit: what is held, what this takes, what is left after it. ``limit`` None is no limit."""

    label: str
    limit: int | None
    held: int
    takes: int
    tell: Callable[[int], str]

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return self.limit is None or self.held + self.takes <= self.limit

    @property
    def missing(self) -> str:
        """By how much it is too much."""
        return self.tell(self.held + self.takes - (self.limit or 0))

    @property
    def left(self) -> str:
        """What is left now, before this."""
        return "no limit" if self.limit is None else f"{self.tell(max(0, self.limit - self.held))} left"

    @property
    def of(self) -> str:
        """The limit itself."""
        return "" if self.limit is None else self.tell(self.limit)

    @property
    def wants(self) -> str:
        """What this takes."""
        return self.tell(self.takes)

    @property
    def share_held(self) -> float:
        """Percent of the limit that is held now."""
        return _percent(self.held, self.limit)

    @property
    def share_takes(self) -> float:
        """Percent of the limit that this takes, as far as there is room."""
        return min(_percent(self.takes, self.limit), 100 - self.share_held)


def _percent(amount: int, limit: int | None) -> float:
    return round(min(100.0, 100 * amount / limit), 2) if limit else (100.0 if limit == 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Preflight:
    """The lines that matter, and where something does not fit, the sandboxes that were not used for longest."""

    lines: list[Line] = field(default_factory=list)
    idle: list[IdleSandbox] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether all of it fits."""
        return all(line.fits for line in self.lines)


async def preflight(access: Access, wants: Wants) -> Preflight:
    """Ask for the workspace's limits and hold ``wants`` against them.

    Empty where the server does not tell, or not soon: whether there is room is the server's to say in the end.
    """
    client = client_for(access.team, access.user)
    limits = await soon(attempt(client.get_limits()))
    if limits is None or isinstance(limits, Problem):
        return Preflight()
    lines = _lines(limits, wants)
    if all(line.fits for line in lines):
        return Preflight(lines)
    summary = await soon(attempt(client.get_summary()))
    idle = [] if summary is None or isinstance(summary, Problem) else summary.idle
    return Preflight(lines, [each for each in idle if is_addressable(each.name)])


async def soon(call: Awaitable[T]) -> T | None:
    """What the call returns, None where it takes longer than a page should wait for figures."""
    try:
        return await asyncio.wait_for(call, WITHIN)
    except TimeoutError:
        return None


def _count(amount: int) -> str:
    return f"{amount:,}"


def _lines(limits: Limits, wants: Wants) -> list[Line]:
    """A line for each limit of which something is wanted."""
    told: list[tuple[str, str, Callable[[int], str]]] = [
        ("sandboxes", "Sandboxes", _count),
        ("cpu_millis", "CPU", tell_cpu),
        ("memory_bytes", "Memory", tell_bytes),
        ("storage_bytes", "Storage", tell_bytes),
        ("volumes", "Volumes", _count),
        ("pools", "Pools", _count),
    ]
    found = []
    for name, label, tell in told:
        takes: int = getattr(wants, name)
        limit = getattr(limits, name)
        if takes > 0:
            found.append(Line(label, limit.limit, limit.held, takes, tell))
    return found
