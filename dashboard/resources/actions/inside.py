"""What is done inside a sandbox: its processes ended, its ports opened to a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.resources.processes import is_same, row_of
from dashboard.teams.api import client_for
from sandboxcore import SandboxClientError

if TYPE_CHECKING:
    from dashboard.teams.access import Access

SIGNAL_SECONDS = 10


class ProcessGoneError(SandboxClientError):
    """The process ended by itself, or its number is another's now."""


class SignalRefusedError(SandboxClientError):
    """The process could not be signalled; the message is what ``kill`` said."""


async def end_process(*, access: Access, name: str, pid: int, started_at: str) -> None:
    """Send a process SIGTERM, by a command of the person's. ``started_at`` tells it from a later one of its number.

    Raises ``ProcessGoneError`` and ``SignalRefusedError`` too.
    """
    sandbox = await client_for(access.team, access.user).get_sandbox(name)
    listed = await sandbox.processes()
    process = next((each for each in listed if each.pid == pid), None)
    if process is None or not is_same(process, started_at) or not row_of(process).can_end:
        raise ProcessGoneError(f"process {pid} has ended already")
    result = await sandbox.run(f"kill -TERM {pid}", timeout=SIGNAL_SECONDS)
    if result.exit_code != 0:
        said = (result.stderr or result.stdout).strip()
        raise SignalRefusedError(said or f"kill ended with {result.exit_code}")
    await note(access, "process.signalled", name, pid=pid, command=process.command[:200])


async def open_service(*, access: Access, name: str, port: int, seconds: int) -> str:
    """An address that shows what listens on ``port`` in a browser, for ``seconds``. Whoever has it may use it."""
    service = await client_for(access.team, access.user).service(name, port, expires_in_seconds=seconds)
    address = await service.get_browser_url()
    await note(access, "service.opened", name, port=port, seconds=seconds)
    return address
