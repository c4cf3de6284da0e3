"""Two sandboxd processes on one PostgreSQL and one folder runtime, and what must be true of the events of both."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

from sandboxcore.server.db.models import EndedSandbox, Event
from tests.server.hammer.folder import FolderSandboxd

if TYPE_CHECKING:
    from sqlalchemy import Row

ONCE = ("created", "ready", "claimed", "failed", "deleting", "deleted")
"""What happens to a sandbox or a volume at most once."""


class Pair:
    """Both servers; the socket of every sandbox's shim is the test's, so that no server's death ends sandboxes."""

    def __init__(self, **settings: object) -> None:
        self.one = FolderSandboxd(postgres=True, **settings)
        self.one.run_dir.mkdir(parents=True, exist_ok=True)
        self._shims = socket.socket(socket.AF_UNIX)
        self._shims.bind(str(self.one.run_dir / "shim.sock"))
        self._shims.listen(1024)
        threading.Thread(target=self._answer, daemon=True).start()
        self.one.start()
        self.two = self.one.beside()

    def _answer(self) -> None:
        while True:
            try:
                self._shims.accept()[0].close()
            except OSError:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.two.process is not None:
            self.two.stop()
        self._shims.shutdown(socket.SHUT_RDWR)
        self._shims.close()
        self.one.close()

    def events(self) -> list[Row[tuple[int, str, str, str]]]:
        """Every event of the workspace, in order."""
        columns = (Event.number, Event.type, Event.subject_id, Event.subject_name)
        return sorted(self.one.rows(*columns))

    def told_wrongly(self) -> list[str]:
        """What the events or the history tell twice, or not at all; empty at rest."""
        events = self.events()
        found = [f"events are numbered {[event.number for event in events]}"]
        if [event.number for event in events] == list(range(1, len(events) + 1)):
            found = []
        told = Counter((event.subject_id, event.type) for event in events)
        found += [
            f"{subject}: {kind} is told {times} times"
            for (subject, kind), times in told.items()
            if times > 1 and kind.startswith(("sandbox.", "volume.")) and kind.partition(".")[2] in ONCE
        ]
        found += [
            f"{subject} was {kind} and nobody says that it is gone"
            for (subject, kind) in told
            if kind in {"sandbox.deleting", "volume.deleting"}
            and (subject, kind.replace("deleting", "deleted")) not in told
        ]
        volumes = {subject for subject, kind in told if kind == "volume.growing"}
        found += [f"volume {volume} grew otherwise than it was told to" for volume in volumes if _grew(told, volume)]
        ended = {row.id for row in self.one.rows(EndedSandbox.id)}
        gone = {subject for subject, kind in told if kind == "sandbox.deleted"}
        return found + [f"sandbox {subject} is in history or events alone" for subject in ended ^ gone]


def _grew(told: Counter[tuple[str, str]], volume: str) -> bool:
    """Whether the ends of its growths are more than their beginnings, or fewer though it is there still."""
    ends = told[volume, "volume.grown"] + told[volume, "volume.grow_failed"]
    missing = told[volume, "volume.growing"] - ends
    return missing < 0 or (missing > 0 and (volume, "volume.deleting") not in told)
