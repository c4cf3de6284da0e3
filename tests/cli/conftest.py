"""A real server, a workspace of the test's own, and the command line as a process beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sandboxcore import AdminClient, SandboxClient
from tests.server.running import Sandboxd

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = [sys.executable, "-m", "sandboxcore.cli"]


@dataclass
class Cli:
    """The command line in one workspace."""

    environment: dict[str, str]
    client: SandboxClient

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run it; its standard output. Fails where the exit code is another."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [*PROGRAM, *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start it, with its output to read."""
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [*PROGRAM, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            **{"stdin": subprocess.DEVNULL, **options},
        )


@pytest.fixture(scope="session")
def real_server() -> Iterator[Sandboxd]:
    """A server that the tests of a run share."""
    server = Sandboxd().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def cli(real_server: Sandboxd) -> Iterator[Cli]:
    """The command line in a workspace with the template ``python`` and the sandbox ``box``."""
    name = f"c{uuid4().hex[:8]}"
    endpoint = f"{real_server.origin}/v2/sandboxes"
    with AdminClient(api_endpoint=f"{real_server.origin}/v2/admin", admin_key=real_server.admin_key) as admin:
        admin.create_workspace(name)
        key = admin.create_key(name, "cli", scopes=["read", "run", "manage"]).api_key
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SANDBOX", "LANG", "COV"))}
        environment = {**inherited, "SANDBOX_ENDPOINT": real_server.origin, "SANDBOX_API_KEY": key}
        with SandboxClient(api_endpoint=endpoint, api_key=key) as client:
            client.create_template("python", "host")
            client.create_sandbox("python", name="box")
            yield Cli(environment, client)
        admin.delete_workspace(name, force=True)
