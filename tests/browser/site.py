"""One team of a running installation, with a workspace of its own, and the process that seats its people."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from deploy.config import APP_DIR, load
from deploy.up import console_environment, prepare
from sandboxcore import AdminClient, AsyncSandboxClient, SandboxClient

if TYPE_CHECKING:
    from tests.stack import Stack

ROLES = ("owner", "admin", "member", "viewer", "outsider")
SCRIPT = Path(__file__).with_name("seat.py")


@dataclass
class Person:
    """Somebody who is signed in."""

    username: str
    session: str
    """The value of the session's cookie."""


@dataclass
class Site:
    """A team's part of the console, and the way to its workspace for a program."""

    base: str
    team: str
    workspace: str
    api_endpoint: str
    api_key: str
    admin_key: str
    people: dict[str, Person] = field(default_factory=dict)

    def url(self, path: str = "") -> str:
        """The address of a page below ``/t/<team>/``."""
        return f"{self.base}/t/{self.team}/{path}"

    def cookie(self, role: str) -> dict[str, str]:
        """The cookie that signs this person in, as a browser takes it."""
        return {"name": "console_session", "value": self.people[role].session, "url": self.base}

    def client(self) -> SandboxClient:
        """The synchronous SDK in the team's workspace: to fill it before tests."""
        return SandboxClient(api_endpoint=self.api_endpoint, api_key=self.api_key)

    def async_client(self) -> AsyncSandboxClient:
        """The asynchronous SDK in the team's workspace: inside tests."""
        return AsyncSandboxClient(api_endpoint=self.api_endpoint, api_key=self.api_key)

    def admin(self) -> AdminClient:
        """The admin API: ``site.admin().set_limits(site.workspace, …)``."""
        return admin_of(self.api_endpoint, self.admin_key)


def admin_of(api_endpoint: str, admin_key: str) -> AdminClient:
    """The admin API beside an endpoint of sandboxes."""
    return AdminClient(api_endpoint=api_endpoint.removesuffix("/v2/sandboxes") + "/v2/admin", admin_key=admin_key)


class Seats:
    """A process that runs as the console does and makes teams with people. A context manager."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        install = prepare(load(stack.environment))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            install.console.command("-c", SCRIPT.read_text(encoding="utf-8")),
            env=console_environment(install),
            cwd=APP_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._line("ready")

    def _line(self, what: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise AssertionError(f"{what}: " + self._log.read().decode(errors="replace")[-4000:])
        return line

    def __enter__(self) -> Seats:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()
        self._log.close()

    def make(self, name: str = "Blue team") -> Site:
        """A new team of five people on a new workspace without limits."""
        stack, slug = self._stack, f"t{uuid4().hex[:8]}"
        with admin_of(stack.api_endpoint, stack.admin_key) as admin:
            admin.create_workspace(slug)
            key = admin.create_key(slug, "console", scopes=["read", "run", "manage"], acts_for_people=True).api_key
        site = Site(stack.console_url, slug, slug, stack.api_endpoint, key, stack.admin_key)
        wanted = {"slug": slug, "name": name, "api_endpoint": site.api_endpoint, "api_key": key}
        assert self._process.stdin is not None
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        seated = json.loads(self._line(slug))
        site.people = {role: Person(**seated[role]) for role in ROLES}
        return site

    def remove(self, site: Site) -> None:
        """End the workspace with all that it holds."""
        with admin_of(site.api_endpoint, site.admin_key) as admin:
            admin.delete_workspace(site.workspace, force=True)
