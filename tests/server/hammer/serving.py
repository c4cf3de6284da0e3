"""``python -m tests.server.hammer.serving``: a real sandboxd on the folder runtime, which can be told to die.

With ``DIE_AT_STEP=n`` it kills itself with SIGKILL at the n-th step after ``SIGUSR1`` armed it; ``SIGUSR2`` disarms it.
A step lies before and after each commit to the database, and before and after each change by the runtime.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sandboxcore.server.app import create_app
from sandboxcore.server.config import Settings
from sandboxcore.server.db.engine import Database
from sandboxcore.server.serve import configure_logging, serve
from sandboxcore.server.services import leases
from tests.server.hammer.runtime import FolderRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncSession


class Steps:
    """Counts down to death once armed."""

    def __init__(self, die_at: int) -> None:
        self._left = die_at
        self._armed = False

    def arm(self, number: int, _frame: object) -> None:
        self._armed = number == signal.SIGUSR1
        sys.stderr.write("armed\n" if self._armed else "disarmed\n")

    def take(self, what: str) -> None:
        if not self._armed or not self._left:
            return
        self._left -= 1
        if not self._left:
            sys.stderr.write(f"dying {what}\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)


def count_commits(steps: Steps) -> None:
    """Make every transaction a step at its end, before and after its commit."""
    write = Database.write

    @asynccontextmanager
    async def counted(self: Database, *arguments: Any) -> AsyncIterator[AsyncSession]:
        async with write(self, *arguments) as session:
            yield session
            steps.take("before a commit")
        steps.take("after a commit")

    Database.write = counted  # type: ignore[assignment,method-assign]


def main() -> None:
    settings = Settings.load()
    steps = Steps(int(os.environ.get("DIE_AT_STEP", "0")))
    signal.signal(signal.SIGUSR1, steps.arm)
    signal.signal(signal.SIGUSR2, steps.arm)
    count_commits(steps)
    # What a dead server held on a shared database is waited for; here often, so not for long.
    leases.LEASE_SECONDS, leases.RENEW_SECONDS = 1.5, 0.3
    configure_logging("info")
    serve(create_app(settings, FolderRuntime(settings.run_dir, steps.take)), settings)


if __name__ == "__main__":
    main()
