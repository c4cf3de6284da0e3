"""A sandboxd on the folder runtime, and what must be true of it whenever it has come to rest."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, select, update

from sandboxcore.server.db.models import Allocation, Sandbox, Volume, Workspace
from sandboxcore.server.quantity import parse_bytes
from tests.server.hammer.runtime import sandboxes_in, volumes_in
from tests.server.running import Sandboxd, until

if TYPE_CHECKING:
    from sqlalchemy import Row

SETTLE_SECONDS = 30


class FolderSandboxd(Sandboxd):
    """Start, arm, let die, start again."""

    module = "tests.server.hammer.serving"

    def __init__(self, *, postgres: bool = False, **settings: object) -> None:
        super().__init__(postgres=postgres, **settings)
        url = self.environment.get("SANDBOXD_DATABASE_URL") or f"sqlite:///{self.folder}/state/sandboxd.sqlite3"
        self._engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))

    def arm(self) -> None:
        """Let the count to its death begin."""
        assert self._say(signal.SIGUSR1, b"armed\n"), "the server was dead before it was armed"

    def disarm(self) -> bool:
        """Let it live on; False where it is dead already."""
        return self._say(signal.SIGUSR2, b"disarmed\n")

    def _say(self, number: int, answer: bytes) -> bool:
        assert self.process is not None
        before = self.log_file.stat().st_size
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        until(lambda: self._is_dead() or answer in self.log_file.read_bytes()[before:], what="the server to hear")
        return not self.died()

    def _is_dead(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def died(self) -> bool:
        """Whether it has killed itself."""
        if self.process is not None and self._is_dead():
            assert self.process.returncode == -signal.SIGKILL, self.log_file.read_text()
            self.process = None
        return self.process is None

    def kill_and_start(self) -> None:
        """Die now, and live again."""
        self.stop(signal.SIGKILL)
        self.start()

    def wait_for_death(self) -> None:
        """A client has seen its connection end: so does the process."""
        until(self.died, what="the server to die")

    def close(self) -> None:
        """End everything."""
        self._engine.dispose()
        super().close()

    def rows(self, *columns: Any) -> list[Row[Any]]:
        """Rows as the database has them now."""
        with self._engine.connect() as connection:
            return list(connection.execute(select(*columns)).all())

    def limit(self, **limits: int) -> None:
        """Set limits of the one workspace, by the names of their columns."""
        with self._engine.begin() as connection:
            connection.execute(update(Workspace).values(limits))

    def differences(self) -> list[str]:
        """What keeps the database and the runtime from agreeing; empty at rest."""
        boxes = {row.id: row.state for row in self.rows(Sandbox.id, Sandbox.state)}
        volumes = {row.id: row for row in self.rows(Volume.id, Volume.state, Volume.size, Volume.wanted_size)}
        found = [f"sandbox {box} is {state}" for box, state in boxes.items() if state in ("provisioning", "deleting")]
        ready = {box for box, state in boxes.items() if state == "ready"}
        there = sandboxes_in(self.run_dir)
        found += [f"sandbox {box} is ready but not there" for box in ready - there]
        found += [f"sandbox {box} is there but not ready" for box in there - ready]
        found += [f"volume {row.id} is {row.state}" for row in volumes.values() if row.state != "ready"]
        found += [f"volume {row.id} still grows" for row in volumes.values() if row.wanted_size]
        wanted = {row.id: parse_bytes(row.size) for row in volumes.values()}
        if wanted != volumes_in(self.run_dir):
            found.append(f"volumes wanted {wanted}, there {volumes_in(self.run_dir)}")
        return found + self._ledger_differences(ready | wanted.keys())

    def _ledger_differences(self, held: set[str]) -> list[str]:
        rows = self.rows(Allocation.subject_id, Allocation.ended_at)
        opened = [row.subject_id for row in rows if row.ended_at is None]
        return [
            f"{subject} is held {opened.count(subject)} times" for subject in held if opened.count(subject) != 1
        ] + [f"{subject} is not there and still counted" for subject in set(opened) - held]

    def settle(self) -> None:
        """Wait until nothing differs any more, or it is dead."""
        found: list[str] = []

        def at_rest() -> bool:
            found[:] = self.differences()
            return not found or self.died()

        try:
            until(at_rest, SETTLE_SECONDS)
        except AssertionError:
            raise AssertionError(f"it did not come to rest: {found}; log: {self.log_file.read_text()}") from None
