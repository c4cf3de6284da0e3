"""`make up`: prepare the databases, start host, sandboxd and console, say how to sign in, and watch over them.

Stays in the foreground. SIGINT or SIGTERM ends the three services and leaves sandboxes running; `make down` ends
those too.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy import preflight
from deploy.config import (
    APP_DIR,
    CONSOLE_USER,
    SANDBOXD_USER,
    Config,
    ConfigurationError,
    acts_as_root,
    load,
)
from deploy.service import Service, copy_lines, log, until
from deploy.view import View, make_view

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_WITHIN = 60.0
HOST_WITHIN = 10.0
HOST_MODULE = "sandboxcore/runtimes/namespaces/host.py"


@dataclass(frozen=True)
class Installation:
    """All that starting the services needs."""

    config: Config
    sandboxd: View
    console: View


def needs_host(config: Config) -> bool:
    """Whether the runtime needs the root process."""
    return config.runtime == "namespaces"


def prepare(config: Config) -> Installation:
    """Make folders and users. Raises ``ConfigurationError``."""
    sandboxd_user = preflight.service_user(SANDBOXD_USER)
    console_user = preflight.service_user(CONSOLE_USER)
    own = preflight.service_user("root") if acts_as_root() else sandboxd_user
    preflight.make_folder(config.run_dir.parent, own, 0o755)
    preflight.make_folder(config.run_dir, own, 0o755)
    preflight.make_folder(config.state_dir / "host", own, 0o700)
    # Sandboxes are the host's to make, or sandboxd's own where its runtime needs no root.
    preflight.make_folder(config.run_dir / "sandboxes", own if needs_host(config) else sandboxd_user, 0o711)
    return Installation(
        config,
        sandboxd=make_view(config, "sandboxd", sandboxd_user),
        console=make_view(config, "console", console_user),
    )


def service_environment(config: Config, prefix: str, extra: Mapping[str, str]) -> dict[str, str]:
    """What a service gets of the caller's environment: its own settings and the locale, nothing else."""
    kept = {
        k: v for k, v in config.environment.items() if k.startswith(prefix) or k in ("LANG", "LC_ALL", "TZ", "TERM")
    }
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **kept, **extra}


def sandboxd_environment(install: Installation) -> dict[str, str]:
    """Settings of sandboxd, as documented in docs/sandboxd.md."""
    config = install.config
    return service_environment(
        config,
        "SANDBOXD_",
        {
            "SANDBOXD_HOST": config.sandboxd_host,
            "SANDBOXD_PORT": str(config.sandboxd_port),
            "SANDBOXD_SERVICE_HOST": config.service_host,
            "SANDBOXD_SERVICE_PORT": str(config.service_port),
            "SANDBOXD_STATE_DIR": str(install.sandboxd.state),
            "SANDBOXD_RUN_DIR": str(config.run_dir),
            "SANDBOXD_RUNTIME": config.runtime,
        },
    )


def console_environment(install: Installation) -> dict[str, str]:
    """Settings of the console, as documented in docs/console.md."""
    config = install.config
    return service_environment(
        config,
        "CONSOLE_",
        {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "CONSOLE_HOST": config.console_host,
            "CONSOLE_PORT": str(config.console_port),
            "CONSOLE_STATE_DIR": str(install.console.state),
        },
    )


async def run_once(name: str, command: list[str], environment: dict[str, str], *, stdin: str = "") -> str:
    """Run a preparing command and return what it prints on standard output; its log lines are shown as ``name``'s.

    Raises ``ConfigurationError`` when it fails.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=APP_DIR,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - asked for above
    process.stdin.write(stdin.encode())
    process.stdin.close()
    output, _ = await asyncio.gather(process.stdout.read(), copy_lines(name, process.stderr))
    if await process.wait() != 0:
        raise ConfigurationError(f"{name} could not be prepared; its words are above.")
    return output.decode()


async def prepare_services(install: Installation) -> dict[str, str]:
    """Bring both databases up to date and return what is needed to sign in; the password only the first time."""
    config = install.config
    known = read_private(config.credentials_file)
    init = install.sandboxd.command("-m", "sandboxcore.server", "init")
    earlier = json.dumps(known | read_private(config.console_key_file))
    keys = json.loads(await run_once("sandboxd", init, sandboxd_environment(install), stdin=earlier))
    write_private(config.console_key_file, {field: keys[field] for field in ("console_key", "admin_key")})

    connection = {"api_endpoint": config.api_endpoint, "console_key": keys["console_key"]}
    bootstrap = install.console.command("manage.py", "bootstrap")
    if not known.get("password"):
        # First start, or credentials.json was lost: whoever may write it may have a password again.
        bootstrap.append("--new-password")
    answer = await run_once("console", bootstrap, console_environment(install), stdin=json.dumps(connection))
    owner = json.loads(answer)
    credentials = {
        "console_url": config.console_url,
        "username": owner["username"],
        "password": owner.get("password") or known.get("password", ""),
        "api_endpoint": config.api_endpoint,
        "api_key": keys["api_key"],
    }
    write_private(config.credentials_file, credentials)
    return credentials


def read_private(path: Path) -> dict[str, str]:
    """What an earlier start wrote there, or nothing."""
    try:
        found: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Replace the file in one step, readable by its owner alone."""
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    temporary.replace(path)


def services(install: Installation) -> list[Service]:
    """The three services, in the order in which they start; no host where the runtime does not need one."""
    config = install.config
    user = install.sandboxd.user
    host = Service(
        "host",
        [
            sys.executable,
            "-I",
            "-S",
            str(APP_DIR / HOST_MODULE),
            f"--state-dir={config.state_dir / 'host'}",
            f"--run-dir={config.run_dir}",
            f"--socket-owner-uid={user.pw_uid}",
            f"--socket-owner-gid={user.pw_gid}",
        ],
        service_environment(config, "SANDBOX_HOST_", {}),
        APP_DIR,
    )
    sandboxd = Service(
        "sandboxd",
        install.sandboxd.command("-m", "sandboxcore.server"),
        sandboxd_environment(install),
        APP_DIR,
    )
    console = Service(
        "console",
        install.console.command("-m", "dashboard"),
        console_environment(install),
        APP_DIR,
    )
    return [host, sandboxd, console] if needs_host(config) else [sandboxd, console]


async def answers(url: str) -> bool:
    """Whether ``GET url`` answers 200."""

    def get() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own http address
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return await asyncio.to_thread(get)


def banner(config: Config, credentials: Mapping[str, str], *, seconds: float, first: bool) -> None:
    """Where to go and how to sign in. The password is printed once, when it was made."""
    shown = credentials["password"] if first else f"(in {config.credentials_file})"
    for line in (
        "",
        f"Sandbox Console is ready after {seconds:.1f} s.",
        "",
        f"  Open       {config.console_url}",
        f"  Sign in    {credentials['username']}   password {shown}",
        f"  API        {config.api_endpoint}   (documented at /docs; the key is in {config.credentials_file})",
        f"  Services   http://NAME.localhost:{config.service_port}   (of programs in sandboxes; see docs/sdk.md)",
        "  Stop       Ctrl-C ends console, sandboxd and host; sandboxes keep running. `make down` ends everything.",
        "",
    ):
        log("up", line)


async def supervise(config: Config) -> int:
    """Start everything, wait for a signal, end everything but sandboxes."""
    began = time.monotonic()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    first = not read_private(config.credentials_file)
    install = prepare(config)
    running = services(install)
    tasks: list[asyncio.Task[Any]] = []
    try:
        starting = asyncio.create_task(start_in_order(install, running, tasks))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            credentials, ready = starting.result()
            if ready:
                banner(config, credentials, seconds=time.monotonic() - began, first=first)
            else:
                log("up", "not ready: the words of the service that failed are above. Still trying; Ctrl-C ends it.")
        await stopped
        starting.cancel()
    finally:
        log("up", "ending console, sandboxd and host; sandboxes keep running (`make down` ends them too).")
        for service in reversed(running):
            await service.stop()
        await asyncio.gather(*tasks)
    return 0


async def start_in_order(
    install: Installation, running: list[Service], tasks: list[asyncio.Task[Any]]
) -> tuple[dict[str, str], bool]:
    """Start each service when the one below it answers, so that whoever finds the console ready finds all ready.

    A service that does not become ready holds up the next for a while only: console and sandboxd come up even where
    nothing can make sandboxes, and say so. Adds the services' tasks to ``tasks``.
    """
    config = install.config
    sandboxd, console = running[-2:]

    async def host_listens() -> bool:
        return (config.run_dir / "host.sock").exists()

    tasks.extend(asyncio.create_task(service.run()) for service in running[:-2])
    # The host needs no database: it starts while those are prepared.
    credentials = await prepare_services(install)
    for service in running[:-2]:
        await until(host_listens, seconds=HOST_WITHIN, service=service)
    tasks.append(asyncio.create_task(sandboxd.run()))
    api = f"http://{config.sandboxd_host}:{config.sandboxd_port}/healthz"
    ready = await until(lambda: answers(api), seconds=READY_WITHIN, service=sandboxd)
    tasks.append(asyncio.create_task(console.run()))
    page = f"{config.console_url}/healthz"
    return credentials, ready and await until(lambda: answers(page), seconds=READY_WITHIN, service=console)


def main() -> int:
    """Entry point of `make up`."""
    try:
        config = load()
        with preflight.take_lock(config):
            preflight.check_ports(config)
            return asyncio.run(supervise(config))
    except ConfigurationError as error:
        print(f"up: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
