"""A team with one sandbox on a real server, and commands in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandboxcore import CommandRecord, Sandbox, SandboxClient
    from tests.dashboard.real_server import Workspace


@dataclass
class Box:
    """The sandbox ``box``, to a program."""

    client: SandboxClient
    sandbox: Sandbox

    def start(self, command: str, **options: object) -> str:
        """Start a command that nobody watches; its id."""
        detached = {"shell": "/bin/sh", "wait": False, "idle_timeout": -1, "timeout": 0}
        handle = self.sandbox.run(command, **detached, **options)  # type: ignore[call-overload]
        handle.close()
        return str(handle.command_id)

    def recorded(self, command_id: str, *, ended: bool = True) -> CommandRecord:
        """The command as the server tells of it, once it has ended."""
        return until(lambda: self._recorded(command_id, ended=ended), what="the command's record")  # type: ignore[no-any-return]

    def _recorded(self, command_id: str, *, ended: bool) -> CommandRecord | None:
        found = next((each for each in self.client.list_commands("box") if each.id == command_id), None)
        return found if found is not None and (found.status != "running" or not ended) else None

    def done(self, command: str, **options: object) -> str:
        """Run a command to its end; its id."""
        command_id = self.start(command, **options)
        self.recorded(command_id)
        return command_id


@pytest.fixture
def box(server: Workspace) -> Iterator[Box]:
    """The team's sandbox."""
    with server.client() as client:
        client.create_template("python", "host")
        yield Box(client, client.create_sandbox("python", name="box", ttl_seconds=7200, idle_ttl_seconds=900))
