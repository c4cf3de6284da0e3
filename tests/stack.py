"""The whole product as a user starts it, for tests: `make up` with ports and folders of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.config import default_run_dir

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN = 240.0


def free_port() -> int:
    """A TCP port of this machine that nothing uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Stack:
    """One running installation."""

    state_dir: Path
    environment: dict[str, str]
    project: Path = ROOT
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    credentials: dict[str, str] = field(default_factory=dict)
    _reader: threading.Thread | None = None

    @classmethod
    def new(cls, **environment: str) -> Stack:
        """Settings for a stack that disturbs no other."""
        state_dir = Path(tempfile.mkdtemp(prefix="sbx-test-"))
        state_dir.chmod(0o755)
        settings = {
            "CONSOLE_PORT": str(free_port()),
            "SANDBOXD_PORT": str(free_port()),
            "SANDBOXD_SERVICE_PORT": str(free_port()),
            "STATE_DIR": str(state_dir),
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SANDBOX", "CONSOLE_"))}
        return cls(state_dir, {**inherited, **settings, **environment})

    def __enter__(self) -> Stack:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """End all of it, sandboxes too, and leave no file."""
        self.down()
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def start(self) -> Stack:
        """Run `make up` and return when it is ready. Fails with its log."""
        self.process = subprocess.Popen(
            ["make", "up"],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        self.wait_ready()
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in process.stdout)

    def wait_ready(self) -> None:
        """Wait for the console's health page."""
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                self.credentials = json.loads((self.state_dir / "credentials.json").read_text())
                if httpx.get(f"{self.console_url}/healthz", timeout=2).status_code == 200:
                    return
            except (OSError, ValueError, httpx.HTTPError):
                pass
            time.sleep(0.05)
        raise AssertionError("`make up` did not become ready:\n" + "\n".join(self.lines[-80:]))

    def interrupt(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End `make up` by a signal to make itself; returns its exit code. Sandboxes go on."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(timeout=40)
        self._close_log()
        return code

    def down(self) -> str:
        """`make down`; returns what it prints."""
        done = subprocess.run(
            ["make", "down"], cwd=self.project, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if self.process is not None:
            self.process.wait(timeout=40)
            self._close_log()
        return done.stdout

    def _close_log(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        if self._reader is not None:
            self._reader.join(timeout=10)
            self._reader = None
        self.process.stdout.close()

    def kill(self, service: str) -> int:
        """SIGKILL one of this stack's services (host, sandboxd, console); returns its process id."""
        pid = self.pid_of(service)
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid_of(self, service: str) -> int:
        """The process id of a service, found among the children of this stack's supervisor."""
        marks = {"host": b"namespaces/host.py", "sandboxd": b"sandboxcore.server", "console": b"-m\0dashboard"}
        supervisor = int((self.state_dir / "up.lock").read_text())
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int(re.search(r"^PPid:\s+(\d+)", (entry / "status").read_text(), re.MULTILINE).group(1))  # type: ignore[union-attr]
                if parent == supervisor and marks[service] in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except (OSError, AttributeError):
                continue
        raise AssertionError(f"{service} does not run")

    @property
    def run_dir(self) -> Path:
        """The folder of sockets and records."""
        return default_run_dir(self.state_dir, self.environment)

    @property
    def console_url(self) -> str:
        return self.credentials["console_url"]

    @property
    def username(self) -> str:
        return self.credentials["username"]

    @property
    def password(self) -> str:
        return self.credentials["password"]

    @property
    def api_endpoint(self) -> str:
        return self.credentials["api_endpoint"]

    @property
    def api_key(self) -> str:
        return self.credentials["api_key"]

    @property
    def admin_key(self) -> str:
        keys: dict[str, str] = json.loads((self.state_dir / "console-key.json").read_text())
        return keys["admin_key"]

    def until_api_answers(self) -> None:
        """Wait until sandboxd answers again, after it was killed."""
        url = self.api_endpoint.removesuffix("/v2/sandboxes") + "/healthz"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(url, timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError("sandboxd did not come back:\n" + "\n".join(self.lines[-40:]))
