"""Asking a shim which commands began and ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandboxcore.server.dataplane.shim_client import ShimUnreachableError, connected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Told:
    """A shim's answer."""

    entries: Sequence[Mapping[str, Any]]
    """Commands that changed, each by its last change, in order."""
    running: frozenset[str]
    held: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Of each session whose output can be read, how many bytes there were on each stream; empty if not asked for."""

    @property
    def newest(self) -> int:
        """The number of the last change, 0 where there is none."""
        return int(self.entries[-1]["number"]) if self.entries else 0


async def ask(path: str, *, after: int, held: bool = False) -> Told:
    """What changed after the number ``after``, up to which all must have been written down.

    Raises ``ShimUnreachableError``, also for a shim that is too old to tell.
    """
    entries: list[dict[str, Any]] = []
    async with connected(path) as connection:
        await connection.send({"op": "history", "after": after, "held": held})
        while True:
            answer = await connection.receive_control()
            if answer.get("type") != "history":
                raise ShimUnreachableError(f"the shim does not tell of its commands: {answer.get('error')}")
            entries += answer["entries"]
            if not answer.get("more"):
                return Told(entries, frozenset(answer["running"]), answer.get("held", {}))


async def kill(path: str, command_id: str) -> bool:
    """End a command and all that it started; False where the shim holds none of this id.

    Raises ``ShimUnreachableError``.
    """
    async with connected(path) as connection:
        await connection.send({"op": "kill", "command_id": command_id})
        answer = await connection.receive_control()
        return answer.get("type") == "done"
