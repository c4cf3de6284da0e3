"""What differs between the database and the runtime, and what is to be done about it. Nothing here does anything.

Rows are read twice, before and after the runtime is asked, since the three cannot be read at one moment. What is
missing is judged by rows that were the same both times, what is surplus by the second reading: a row is always written
before its thing is made, so that a thing without one then is wanted by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sandboxcore.runtimes.base import RuntimeSandbox, RuntimeVolume
    from sandboxcore.server.services.ending import StopReason

Kind = Literal["history", "usage", "sandbox", "volume", "workspace"]
Action = Literal["record", "open", "close", "start", "fail", "remove", "destroy", "make", "grow", "leave"]
ROUNDING = 1 << 20
"""By how many bytes the runtime may have rounded a volume's size up."""


@dataclass(frozen=True, slots=True)
class SandboxRow:
    """What a row says of a sandbox."""

    id: str
    workspace_id: str
    name: str
    state: str
    warm: bool
    awaited: bool
    pool_id: str | None
    starter: str | None
    start_lease_until: float | None
    updated_at: float


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """What a row says of a volume."""

    id: str
    workspace_id: str
    name: str
    state: str
    size_bytes: int
    wanted_size: str | None
    updated_at: float


@dataclass(frozen=True, slots=True)
class Rows:
    """The database at one moment, by identifier."""

    sandboxes: Mapping[str, SandboxRow]
    volumes: Mapping[str, VolumeRow]


@dataclass(frozen=True, slots=True)
class Found:
    """What the runtime has, by identifier; ``volumes`` is None where it was not asked or cannot tell."""

    sandboxes: Mapping[str, RuntimeSandbox]
    volumes: Mapping[str, RuntimeVolume] | None = None


@dataclass(frozen=True, slots=True)
class Here:
    """What this process knows of itself."""

    now: float
    starter: str
    """Itself, as the holder of leases."""
    alone: bool
    """Whether no other server can hold a lease, as with SQLite."""
    busy: Collection[str] = ()
    """Sandboxes and volumes with which it is doing something already."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it is wanted, and the one step that mends it; ``leave`` is none."""

    kind: Kind
    action: Action
    id: str
    reason: str
    """For a person."""
    workspace_id: str | None = None
    name: str | None = None
    since: float | None = None
    """Seconds since the epoch; None where nobody knows."""
    ends: StopReason | None = None
    """For a sandbox that is to be removed and is not yet ``deleting``: what goes down as why it ended."""


def plan(before: Rows, found: Found, after: Rows, here: Here, *, remove_volumes: bool = False) -> list[Difference]:
    """Everything that differs, in the order in which it is best mended.

    ``remove_volumes`` wants volumes removed that no row knows, with what they hold; else they are left alone.
    """
    return [
        *_sandboxes(before, found, after, here),
        *_orphans(found, after),
        *_volumes(after, here),
        *_strange_volumes(before, found, after, remove=remove_volumes),
    ]


def _sandboxes(before: Rows, found: Found, after: Rows, here: Here) -> Iterator[Difference]:
    for row in after.sandboxes.values():
        earlier = before.sandboxes.get(row.id)
        if row.id in here.busy or earlier is None or earlier.state != row.state:
            continue  # something is being done with it, or was just now
        step = _step(row, found.sandboxes.get(row.id), here)
        if step is not None:
            action, reason, ends = step
            yield Difference("sandbox", action, row.id, reason, row.workspace_id, row.name, row.updated_at, ends)


def _step(row: SandboxRow, made: RuntimeSandbox | None, here: Here) -> tuple[Action, str, StopReason | None] | None:
    if row.state == "deleting":
        return "remove", "it was deleted, and the runtime has not let go of it yet", None
    if row.warm and row.pool_id is None:
        return "remove", "it was kept warm for a pool that is gone, so nobody can ever take it", "pool_deleted"
    if row.state == "ready" and (made is None or made.state == "dead"):
        lost = "the sandbox ended outside this server; the runtime no longer has it"
        return "fail", (made.reason if made else None) or lost, None
    if row.state == "failed" and made is not None:
        return "destroy", "it has failed, and the runtime still has a part of it", None
    return _step_of_start(row) if row.state == "provisioning" and _is_free(row, here) else None


def _step_of_start(row: SandboxRow) -> tuple[Action, str, StopReason | None]:
    if row.awaited:
        return "remove", "its creator is gone and never learned its name, so nobody can ever use it", "creator_gone"
    return "start", "the server that was starting it is gone; its start goes on", None


def _is_free(row: SandboxRow, here: Here) -> bool:
    """Whether nobody is starting it, as ``leases.take`` judges it."""
    if row.starter is None or row.start_lease_until is None or row.start_lease_until <= here.now:
        return True
    return here.alone and row.starter != here.starter


def _orphans(found: Found, after: Rows) -> Iterator[Difference]:
    for made in found.sandboxes.values():
        if made.id not in after.sandboxes:
            reason = "the runtime has it, and no row of the database knows it"
            yield Difference("sandbox", "destroy", made.id, reason, since=made.created_at)


def _volumes(after: Rows, here: Here) -> Iterator[Difference]:
    for row in after.volumes.values():
        if row.id in here.busy:
            continue
        if row.state == "provisioning":
            yield _of_volume(row, "make", "it is wanted, and has not been made yet")
        elif row.state == "deleting":
            yield _of_volume(row, "remove", "it was deleted, and the runtime has not let go of it yet")
        elif row.state == "ready" and row.wanted_size is not None:
            yield _of_volume(row, "grow", f"it is to have {row.wanted_size}, and has {row.size_bytes} bytes")


def _of_volume(row: VolumeRow, action: Action, reason: str) -> Difference:
    name = None if row.state == "deleting" else row.name  # its name is another's to take
    return Difference("volume", action, row.id, reason, row.workspace_id, name, row.updated_at)


def _strange_volumes(before: Rows, found: Found, after: Rows, *, remove: bool) -> Iterator[Difference]:
    """What nobody can mend without losing something."""
    if found.volumes is None:
        return
    for made in found.volumes.values():
        if made.id not in after.volumes:
            reason = f"no row of the database knows it; it has {made.size_bytes} bytes, and what it holds may be missed"
            yield Difference("volume", "remove" if remove else "leave", made.id, reason)
    for row in after.volumes.values():
        settled = row.state == "ready" and row.wanted_size is None and row == before.volumes.get(row.id)
        wrong = _what_is_wrong(row, found.volumes.get(row.id)) if settled else None
        if wrong is not None:
            yield _of_volume(row, "leave", wrong)


def _what_is_wrong(row: VolumeRow, made: RuntimeVolume | None) -> str | None:
    if made is None:
        return "the runtime no longer has it: bring its contents back, or delete it; nothing that mounts it can start"
    if not row.size_bytes <= made.size_bytes < row.size_bytes + ROUNDING:
        return f"it is wanted with {row.size_bytes} bytes, and the runtime's has {made.size_bytes}"
    return None
