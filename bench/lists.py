"""The console's list of sandboxes: time to the first byte of its page, with few sandboxes and with many."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

from bench.console import sign_in
from bench.figures import Series
from sandboxcore import SandboxClient
from tests.server.running import Sandboxd
from tests.stack import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTS = (10, 1_000, 10_000)
ASKED = 40
PAGES = {"first page": "", "last page, by name": "?sort=-name&page=99999", "search": "?q=9"}
START_WITHIN = 60.0


@dataclass(frozen=True)
class Console:
    """A console, and who may sign in."""

    console_url: str
    username: str
    password: str


@contextmanager
def console_of(server: Sandboxd) -> Iterator[Console]:
    """A console of this sandbox server, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="bench-console-"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    places = {"CONSOLE_STATE_DIR": str(folder), "CONSOLE_PORT": str(port), "CONSOLE_URL": url}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSOLE_")} | places
    connection = json.dumps({"api_endpoint": f"{server.origin}/v2/sandboxes", "console_key": server.console_key})
    made = subprocess.run(
        [sys.executable, "manage.py", "bootstrap"],
        cwd=ROOT,
        env=environment,
        input=connection,
        capture_output=True,
        text=True,
        check=True,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url)
        yield Console(url, **json.loads(made.stdout))
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


def _wait(url: str) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def fill(server: Sandboxd, count: int) -> None:
    """Let the server know ``count`` sandboxes: one that is there, and rows like its own.

    Ten thousand that run would measure the machine. The server's loops, which would look for them, are off.
    """
    (file,) = (server.folder / "state").glob("*.sqlite3")
    with closing(sqlite3.connect(file)) as database, database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM sandboxes")]
        fresh = [
            {**rows[0], "id": str(uuid4()), "name": f"sandbox-{number:05}", "created_at": rows[0]["created_at"]}
            for number in range(len(rows), count)
        ]
        names = list(rows[0])
        marks = ", ".join(f":{name}" for name in names)
        database.executemany(f"INSERT INTO sandboxes ({', '.join(names)}) VALUES ({marks})", fresh)  # noqa: S608 - the table's own columns


def first_byte(browser: httpx.Client, path: str, name: str) -> Series:
    """From asking for a page to the first byte of its body."""
    series = Series(name)
    for _ in range(ASKED):
        with series.measure(), browser.stream("GET", path) as answer:
            next(answer.iter_raw())
        assert answer.status_code == 200
    return series


def measure() -> list[str]:
    """One line a page and count."""
    server = Sandboxd(reconcile_interval=3600, reap_interval=3600).start()
    try:
        with SandboxClient(api_endpoint=f"{server.origin}/v2/sandboxes", api_key=server.key) as client:
            client.create_template(name="bench", image="host", cpu="100m", memory="64Mi")
            client.create_sandbox(template_name="bench")
        with console_of(server) as console, closing(sign_in(console)) as browser:
            return [line for count in COUNTS for line in _counted(server, browser, count)]
    finally:
        server.close()


def _counted(server: Sandboxd, browser: httpx.Client, count: int) -> Iterator[str]:
    fill(server, count)
    for page, query in PAGES.items():
        name = f"first byte: list of {count:,} sandboxes, {page}"
        yield first_byte(browser, f"/t/default/sandboxes/{query}", name).row()


if __name__ == "__main__":
    print("\n".join(measure()))
