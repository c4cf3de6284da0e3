"""Every write about commands: one call of the API as the person, one row in the activity.

All raise ``SandboxClientError`` where the API refuses; then nothing is recorded.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from dashboard.resources.actions._note import note
from dashboard.teams.api import client_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox

KEPT_SECONDS = 24 * 3600
"""How long the output of a command that has ended can still be read, while the sandbox lives."""
SHOWN = 200
"""Characters of a command line that the activity has."""


async def run_command(
    *,
    access: Access,
    sandbox: AsyncSandbox,
    command: str,
    shell: str,
    cwd: str | None,
    env: Mapping[str, str],
    time_limit: int,
) -> str:
    """Start a command that nothing but itself, its ``time_limit`` (seconds, 0: none) or a kill ends; return its id.

    Values of ``env`` are given to the command alone: the activity has only their names.
    """
    command_id = str(uuid.uuid4())
    handle = await sandbox.run(
        command,
        command_id=command_id,
        shell=shell,
        cwd=cwd,
        env=dict(env) or None,
        timeout=time_limit,
        idle_timeout=-1,
        ttl_seconds=KEPT_SECONDS,
        wait=False,
        collect=False,
    )
    await handle.close()
    detail = {"command": command[:SHOWN], "command_id": handle.command_id}
    await note(access, "command.started", sandbox.name, **detail)
    return handle.command_id


async def kill_command(*, access: Access, sandbox_name: str, command_id: str) -> None:
    """End a command and all that it started."""
    await client_for(access.team, access.user).kill_command(sandbox_name, command_id)
    await note(access, "command.killed", sandbox_name, command_id=command_id)
