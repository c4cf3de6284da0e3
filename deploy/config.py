"""What `make up` and `make down` are told by the environment, and the folders that follow from it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

APP_DIR = Path(__file__).resolve().parent.parent
CONSOLE_USER = "sandbox-console"
SANDBOXD_USER = "sandboxd"
"""Two users, so that whoever breaks into the console has neither sandboxd's database nor the sockets below it."""

CAP_CHOWN, CAP_SETGID, CAP_SETUID = 0, 6, 7
NORMAL_IDS = 1000
"""Below these lie a system's own users, which `make up` adds two to."""

SETTINGS = {
    "CONSOLE_PORT": "Port of the web console on CONSOLE_HOST (8000).",
    "CONSOLE_HOST": "Address that the console listens on (127.0.0.1).",
    "SANDBOXD_PORT": "Port of the API on SANDBOXD_HOST (8001).",
    "SANDBOXD_HOST": "Address that the API listens on (127.0.0.1).",
    "SANDBOXD_SERVICE_PORT": "Port of what programs in sandboxes serve, on SANDBOXD_SERVICE_HOST (8002).",
    "SANDBOXD_SERVICE_HOST": "Address that it listens on (127.0.0.1).",
    "SANDBOXD_RUNTIME": "Which runtime makes sandboxes: namespaces, or process (no isolation at all) (namespaces).",
    "STATE_DIR": "Folder of databases, images, volumes and credentials.json (var/ beside the Makefile).",
    "RUN_DIR": "Folder of sockets, gone at a reboot (below /run as root, else below $XDG_RUNTIME_DIR or /tmp).",
}
"""Every setting of `make up`, with its default; the services read more of their own."""


class ConfigurationError(Exception):
    """A setting cannot work; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Config:
    """Settings of one installation. All paths are absolute."""

    console_host: str
    console_port: int
    sandboxd_host: str
    sandboxd_port: int
    service_host: str
    service_port: int
    runtime: str
    state_dir: Path
    run_dir: Path
    environment: dict[str, str] = field(repr=False)
    """The caller's environment, of which services get what is theirs."""

    @property
    def console_url(self) -> str:
        """Where a browser goes."""
        return f"http://{self.console_host}:{self.console_port}"

    @property
    def api_endpoint(self) -> str:
        """The full base of the API, as an SDK takes it."""
        return f"http://{self.sandboxd_host}:{self.sandboxd_port}/v2/sandboxes"

    @property
    def credentials_file(self) -> Path:
        """Where the first user's name, password and API key are kept, readable only by who ran `make up`."""
        return self.state_dir / "credentials.json"

    @property
    def console_key_file(self) -> Path:
        """The console's own API key and the admin key, readable only by who ran `make up`.

        The first is kept for a console whose database was lost, the second for the operator.
        """
        return self.state_dir / "console-key.json"

    @property
    def lock_file(self) -> Path:
        """Held as long as `make up` runs; contains its process id."""
        return self.state_dir / "up.lock"


def load(environment: dict[str, str] | None = None) -> Config:
    """Read the settings. Raises ``ConfigurationError``."""
    env = dict(os.environ if environment is None else environment)
    state_dir = Path(env.get("STATE_DIR") or APP_DIR / "var").absolute()
    return Config(
        console_host=env.get("CONSOLE_HOST") or "127.0.0.1",
        console_port=_port(env, "CONSOLE_PORT", 8000),
        sandboxd_host=env.get("SANDBOXD_HOST") or "127.0.0.1",
        sandboxd_port=_port(env, "SANDBOXD_PORT", 8001),
        service_host=env.get("SANDBOXD_SERVICE_HOST") or "127.0.0.1",
        service_port=_port(env, "SANDBOXD_SERVICE_PORT", 8002),
        runtime=env.get("SANDBOXD_RUNTIME") or "namespaces",
        state_dir=state_dir,
        run_dir=Path(env["RUN_DIR"]).absolute() if env.get("RUN_DIR") else default_run_dir(state_dir, env),
        environment=env,
    )


@cache
def acts_as_root() -> bool:
    """Whether this process may become other users and give them files; user 0 of a rootless container may not."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(re.search(r"^CapEff:\s+([0-9a-f]+)", status, re.MULTILINE)[1], 16)  # type: ignore[index]
    needed = (1 << CAP_CHOWN) | (1 << CAP_SETGID) | (1 << CAP_SETUID)
    mapped = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return os.geteuid() == 0 and capabilities & needed == needed and mapped > NORMAL_IDS


def default_run_dir(state_dir: Path, env: dict[str, str]) -> Path:
    """A short folder of its own for each state folder: a unix socket's path may have 107 bytes at most."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(state_dir))).hexdigest()[:8]
    if acts_as_root():
        return Path("/run/sandbox-console") / name
    return Path(env.get("XDG_RUNTIME_DIR") or "/tmp") / f"sandbox-console-{os.geteuid()}" / name  # noqa: S108


def _port(env: dict[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigurationError(f"{name}={text!r} is no port; give a number from 1 to 65535.")
    return int(text)
