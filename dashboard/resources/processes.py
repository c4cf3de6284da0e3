"""The processes of a sandbox as a page lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dashboard.lists.cells import visible
from dashboard.resources.lifetimes import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandboxcore.metrics import SandboxProcess

INIT = 1
"""The sandbox's own first process: with it everything ends."""
_DONE = {"Z", "X"}
SAME_WITHIN = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table; ``order`` is what it is sorted by."""

    key: str
    label: str
    order: Callable[[SandboxProcess], Any]
    number: bool = False


COLUMNS = (
    Column("pid", "PID", lambda process: process.pid, number=True),
    Column("user", "User", lambda process: process.user),
    Column("cpu", "CPU time", lambda process: process.cpu_seconds, number=True),
    Column("memory", "Memory", lambda process: process.memory_bytes, number=True),
    Column("started", "Started", lambda process: process.started_at),
    Column("command", "Command", lambda process: process.command),
)
DEFAULT = "pid"


@dataclass(frozen=True, slots=True)
class Sort:
    """The order that the address asks for with ``?sort=key``, or ``?sort=-key`` for the largest first."""

    column: Column
    descending: bool

    @classmethod
    def read(cls, text: str) -> Sort:
        """Take the address's word; one that is no column is the default."""
        by_key = {column.key: column for column in COLUMNS}
        column = by_key.get(text.removeprefix("-"))
        return cls(column, text.startswith("-")) if column else cls(by_key[DEFAULT], False)

    @property
    def key(self) -> str:
        """The column's key."""
        return self.column.key

    @property
    def word(self) -> str:
        """As it stands in the address."""
        return f"-{self.key}" if self.descending else self.key

    def of(self, processes: Sequence[SandboxProcess]) -> list[SandboxProcess]:
        """The processes in this order; those that are alike by their number."""
        numbered = sorted(processes, key=lambda process: process.pid)
        return sorted(numbered, key=self.column.order, reverse=self.descending)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: the order that a click on it gives, and how it is sorted now."""

    label: str
    number: bool
    next: str
    sorted: str


def headings(sort: Sort) -> list[Heading]:
    """A heading a column. A second click turns the order; numbers begin with the largest."""
    found = []
    for column in COLUMNS:
        here = column.key == sort.key
        down = not sort.descending if here else column.number and column.key != DEFAULT
        state = ("descending" if sort.descending else "ascending") if here else ""
        found.append(Heading(column.label, column.number, f"-{column.key}" if down else column.key, state))
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One process as it is shown. Its words are the sandbox's: what cannot be seen in them is made visible."""

    pid: int
    user: str
    cpu_seconds: float
    memory_bytes: int
    started_at: str
    command: str
    internal: bool
    """One of the runtime's own."""
    can_end: bool


def is_same(process: SandboxProcess, started_at: str) -> bool:
    """Whether a process is the one that had its number and began then; its clock may be read a little otherwise."""
    then, now = moment(started_at), moment(process.started_at)
    return then is not None and now is not None and abs(then - now) <= SAME_WITHIN


def row_of(process: SandboxProcess) -> Row:
    """The row of a process."""
    return Row(
        pid=process.pid,
        user=visible(process.user),
        cpu_seconds=process.cpu_seconds,
        memory_bytes=process.memory_bytes,
        started_at=process.started_at,
        command=visible(process.command),
        internal=process.internal,
        can_end=not process.internal and process.pid != INIT and process.state not in _DONE,
    )
