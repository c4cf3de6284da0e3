"""What the host writes down of each sandbox, so that the next host finds what this one left, whatever ended it.

One file a sandbox in ``$RUN_DIR/records``, replaced whole. A record says ``starting`` before anything of the
sandbox exists and ``running`` before its shim is told to go on: what is found ``starting`` was never given to
anyone.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sandboxcore.runtimes.namespaces.syscalls import process_start_time

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Literal["starting", "running", "dead"]
logger = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process by id and start time, which no other process of this boot shares."""

    pid: int
    start: int

    def is_alive(self) -> bool:
        """Whether it is still there."""
        return process_start_time(self.pid) == self.start


@dataclass(slots=True)
class Record:
    """What is known of one sandbox."""

    id: str
    state: State
    created_at: float
    boot: str
    index: int | None
    """Of its range of ids; None where it has none."""
    layer: str
    shim: ProcessName | None = None
    init: ProcessName | None = None
    reason: str | None = None


def _parse(text: str) -> Record:
    fields = json.loads(text)
    for name in ("shim", "init"):
        fields[name] = ProcessName(**fields[name]) if fields[name] else None
    return Record(**fields)


class Records:
    """The folder of records."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.boot = BOOT_ID.read_text(encoding="ascii").strip()

    def save(self, record: Record) -> None:
        """Write the record, whole or not at all."""
        unfinished = self._folder / f"{record.id}.new"
        unfinished.write_text(json.dumps(asdict(record)), encoding="utf-8")
        unfinished.replace(self._path(record.id))

    def forget(self, sandbox_id: str) -> None:
        """Remove the record if there is one."""
        self._path(sandbox_id).unlink(missing_ok=True)

    def load(self) -> Iterator[Record]:
        """Every record, read again; leftovers of an interrupted ``save`` are removed."""
        for unfinished in self._folder.glob("*.new"):
            unfinished.unlink()
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield _parse(path.read_text(encoding="utf-8"))
            except (ValueError, TypeError, KeyError) as error:
                # What it named is then without a record, and removed as such.
                logger.warning("record %s is broken and forgotten: %s", path.name, error)
                path.unlink()

    def _path(self, sandbox_id: str) -> Path:
        return self._folder / f"{sandbox_id}.json"
