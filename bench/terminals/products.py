"""The web terminals that are compared, each installed, started and opened as its own documentation says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from bench.memory import SHELLS, descendants, pss
from bench.sandboxes import TEMPLATE, prepare
from bench.terminals.browser import Screen
from sandboxcore import SandboxClient
from tests.e2e.terminal_page import TerminalPage
from tests.stack import ROOT, Stack, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import BrowserContext

    from sandboxcore import Sandbox

PAGE = Path(__file__).parent / "page"
XTERM = ROOT / "static/vendor/xterm-6.0.0"
SHELL = "/bin/bash"
START_WITHIN = 60.0
LINE_BYTES = 100


class Product(Protocol):
    """A running web terminal."""

    name: str

    async def open(self, context: BrowserContext) -> Screen:
        """A page with a terminal, with a prompt."""

    async def open_another(self, screen: Screen) -> None:
        """One more terminal of the same person, open beside this one: a tab of the page or of the browser."""

    def bytes_used(self) -> int:
        """PSS of all its processes but the shells."""

    def prepare_file(self, size: int) -> str:
        """A file with so many bytes of text lines where its shells run; its path."""


@dataclass
class Console:
    """This project: isolated sandboxes, sessions that outlive pages."""

    stack: Stack
    sandbox: Sandbox
    name: str = "Sandbox Console"

    async def open(self, context: BrowserContext) -> Screen:
        person = TerminalPage(await context.new_page(), self.stack)
        screen = Screen(person.page, "__terminal.terminal")
        await person.sign_in()
        await person.page.goto(f"{self.stack.console_url}/t/{person.team}/sandboxes/{self.sandbox.name}/terminal/")
        await screen.until_prompt()
        return screen

    async def open_another(self, screen: Screen) -> None:
        before = screen.page.url
        await screen.page.click("[data-terminal-page] .terminal-tabs [data-do=new]")
        await screen.page.wait_for_url(lambda address: address != before)
        await screen.until_prompt()

    def bytes_used(self) -> int:
        supervisor = int((self.stack.state_dir / "up.lock").read_text())
        return sum(pss(pid) for pid in descendants(supervisor, without=SHELLS))

    def prepare_file(self, size: int) -> str:
        assert self.sandbox.run(lines_command(size, "/tmp/lines"), timeout=120).success
        return "/tmp/lines"


@dataclass
class Program:
    """A program of others on this machine, without isolation."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    expression: str
    folder: Path

    async def open(self, context: BrowserContext) -> Screen:
        screen = Screen(await context.new_page(), self.expression)
        await screen.page.goto(self.url)
        await screen.until_prompt()
        return screen

    async def open_another(self, screen: Screen) -> None:
        await self.open(screen.page.context)

    def bytes_used(self) -> int:
        return sum(pss(pid) for pid in descendants(self.process.pid, without=SHELLS))

    def prepare_file(self, size: int) -> str:
        path = self.folder / "lines"
        subprocess.run(["/bin/sh", "-c", lines_command(size, str(path))], check=True)
        return str(path)


def lines_command(size: int, path: str) -> str:
    """Makes a file of numbered lines of a hundred bytes."""
    words = "the quick brown fox jumps over the lazy dog, and over each other animal that lies there"
    return f"seq -f '%09.0f {words:<89.89}' {size // LINE_BYTES} > {path}"


@contextmanager
def console() -> Iterator[Console]:
    """An installation of its own, with one sandbox."""
    with Stack.new() as stack, SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        prepare(client)
        with client.sandbox(TEMPLATE) as sandbox:
            yield Console(stack, sandbox)


@contextmanager
def terminado(folder: Path) -> Iterator[Program]:
    """jupyter_server from PyPI with its terminals by terminado, and a page with this project's own xterm.js."""
    venv = folder / "venv"
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", "jupyter_server", "terminado"], check=True, env=_outside())
    static = folder / "static"
    shutil.copytree(PAGE, static, dirs_exist_ok=True)
    shutil.copytree(XTERM, static, dirs_exist_ok=True)
    port = free_port()
    arguments = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": str(port),
        "ServerApp.port_retries": "0",
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "ServerApp.root_dir": str(folder),
        "ServerApp.disable_check_xsrf": "True",
        "ServerApp.extra_static_paths": repr([str(static)]),
        "ServerApp.terminado_settings": repr({"shell_command": [SHELL, "-l"]}),
        "IdentityProvider.token": "",
    }
    command = [str(venv / "bin/jupyter-server"), *(f"--{name}={value}" for name, value in arguments.items())]
    version = _version_of(venv)
    name = f"jupyter_server {version['jupyter_server']}, terminado {version['terminado']}"
    with _running(command, f"http://127.0.0.1:{port}/api") as process:
        yield Program(name, process, f"http://127.0.0.1:{port}/static/terminado.html", "window.terminal", folder)


def _version_of(venv: Path) -> dict[str, str]:
    listed = subprocess.run(
        [venv / "bin/pip", "list", "--format=json"], check=True, capture_output=True, text=True, env=_outside()
    )
    return {each["name"]: each["version"] for each in json.loads(listed.stdout)}


@contextmanager
def wetty(folder: Path) -> Iterator[Program]:
    """wetty from npm with its own page; it starts the shell itself, which it does for root alone."""
    package = folder / "node_modules/wetty"
    if not package.exists():
        # Newer npm runs the script that builds the terminal's native part only where it is allowed.
        allowed = {"private": True, "allowScripts": {"node-pty": True}}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps(allowed))
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "wetty"], cwd=folder, check=True
        )
    port = free_port()
    command = ["node", str(package / "build/main.js"), "--host=127.0.0.1", f"--port={port}", "--base=/"]
    name = f"wetty {json.loads((package / 'package.json').read_text())['version']}"
    url = f"http://127.0.0.1:{port}/"
    with _running([*command, f"--command={SHELL} -l"], url) as process:
        yield Program(name, process, url, "window.wetty_term", folder)


@contextmanager
def _running(command: list[str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_outside()
    )
    try:
        _wait(process, url)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _outside() -> dict[str, str]:
    """This environment without this project's virtual environment, and a terminal that has colours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    return environment | {"TERM": "xterm-256color", "NODE_ENV": "production"}


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)
