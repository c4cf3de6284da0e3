"""A real sandboxd in a process of its own, on the process runtime."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
import shutil
import signal
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Self

from sqlalchemy.engine import make_url

from sandboxcore.runtimes.process.driver import ProcessRuntime
from sandboxcore.server.config import Settings
from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import migrate
from tests.server.preloaded import Program

START_SECONDS = 120
STOP_SECONDS = 20
POSTGRES_URL = os.environ.get("SANDBOXD_TEST_POSTGRES_URL", "")


def until(condition: Any, seconds: float = 20, what: str = "the condition") -> Any:
    """Wait for a true value, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


class Sandboxd:
    """Start, stop, kill and start again; state and sandboxes live as long as this object."""

    module = "sandboxcore.server"
    log_name = "log"

    def __init__(self, *, postgres: bool = False, **settings: object) -> None:
        # Not pytest's folder: the path of a unix socket has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="sbxd-", dir="/tmp"))
        self.run_dir = self.folder / "run"
        self.port = 0
        self.service_port = 0
        self.process: Program | None = None
        self._database = new_postgres_database() if postgres else None
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SANDBOXD_")},
            "SANDBOXD_STATE_DIR": str(self.folder / "state"),
            "SANDBOXD_RUN_DIR": str(self.run_dir),
            "SANDBOXD_RUNTIME": "process",
            "SANDBOXD_RECONCILE_INTERVAL": "0.2",
            "SANDBOXD_REAP_INTERVAL": "0.2",
            **({"SANDBOXD_DATABASE_URL": self._database} if self._database else {}),
            **{f"SANDBOXD_{name.upper()}": str(value) for name, value in settings.items()},
        }
        keys = self.cli("init")
        self.key: str = keys["api_key"]
        self.console_key: str = keys["console_key"]
        self.admin_key: str = keys["admin_key"]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.folder / self.log_name

    def cli(self, *arguments: str, stdin: str = "") -> Any:
        """Run a command of ``python -m sandboxcore.server``; its JSON answer."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            given, answer, said = (Path(name) / each for each in ("stdin", "stdout", "stderr"))
            given.write_text(stdin)
            program = Program(
                "sandboxcore.server",
                arguments,
                environment=self.environment,
                stdin=given,
                stdout=answer,
                stderr=said,
            )
            if program.wait(START_SECONDS):
                raise AssertionError(said.read_text())
            return json.loads(answer.read_text())

    def start(self) -> Self:
        """Start and wait until it answers."""
        before = self.log_file.stat().st_size if self.log_file.exists() else 0
        self.process = Program(
            self.module,
            environment={
                **self.environment,
                "SANDBOXD_PORT": str(self.port),
                "SANDBOXD_SERVICE_PORT": str(self.service_port),
            },
            stdout=self.log_file,
            stderr=self.log_file,
        )
        try:
            found = until(lambda: self._listening(before), START_SECONDS, f"a listening server; log: {self.log_file}")
        except AssertionError:
            # What starts next on its port must not fail of it.
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            self.process = None
            raise
        self.port, self.service_port = int(found[1]), int(found[2])
        return self

    def beside(self) -> Self:
        """Another server on the same database and runtime, started; who asked for it stops it."""
        other = copy.copy(self)
        other.port, other.service_port, other.process, other.log_name = 0, 0, None, "log-beside"
        return other.start()

    def _listening(self, offset: int) -> re.Match[str] | None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(self.log_file.read_text())
        text = self.log_file.read_bytes()[offset:].decode(errors="replace") if self.log_file.exists() else ""
        return re.search(r"is ready on http://[^:]+:(\d+), services of sandboxes on http://[^:]+:(\d+)", text)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End the server; its sandboxes go on."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(STOP_SECONDS)
        self.process = None
        return code

    def close(self) -> None:
        """End everything."""
        if self.process is not None:
            self.stop()
        asyncio.run(self._end_sandboxes())
        if self._database:
            drop_postgres_database(self._database)
        shutil.rmtree(self.folder)

    async def _end_sandboxes(self) -> None:
        runtime = ProcessRuntime(self.run_dir)
        await runtime.start()
        # A start that the server's end cut short may still be on its way: look until nothing new has come.
        while owned := await runtime.list_owned():
            for made in owned:
                await runtime.destroy(made.id)
            await asyncio.sleep(0.2)


def new_postgres_database() -> str:
    """The address of a database that has its tables: a copy of one that was migrated, which is ten times as fast."""
    return _create_postgres_database(_migrated())


@cache
def _migrated() -> str:
    """The name of a database that only copies are made of; it goes with the server that holds it."""
    address = _create_postgres_database("template1")

    async def prepare() -> None:
        database = Database(Settings(database_url=address).effective_database_url)
        await migrate(database)
        await database.close()

    # In a thread, since the test may have a loop that runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, prepare()).result()
    return make_url(address).database or ""


def _create_postgres_database(template: str) -> str:
    import psycopg

    name = f"sandboxd_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False)


def drop_postgres_database(url: str) -> None:
    import psycopg

    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')
