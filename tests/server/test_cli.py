"""``python -m sandboxcore.server``."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.running import Sandboxd

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Sandboxd]:
    made = Sandboxd()
    yield made
    made.close()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandboxcore.server", *arguments],
        env={"PATH": os.defpath, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_init_keeps_the_keys_that_it_is_given_and_that_live(server: Sandboxd) -> None:
    first = {"api_key": server.key, "console_key": server.console_key, "admin_key": server.admin_key}
    assert server.cli("init", stdin=json.dumps(first)) == first
    server.cli("keys", "revoke", server.key.split("_")[1])
    again = server.cli("init", stdin=json.dumps(first))
    assert again["api_key"] != server.key
    assert (again["console_key"], again["admin_key"]) == (server.console_key, server.admin_key)


def test_keys_are_shown_once_and_kept_hashed(server: Sandboxd) -> None:
    made = server.cli("keys", "create", "--name", "ci", "--scopes", "read", "run")
    assert made["api_key"].startswith(f"sbx_{made['id']}_")
    [listed] = [key for key in server.cli("keys", "list") if key["id"] == made["id"]]
    assert (listed["name"], listed["scopes"], listed["last_used_at"]) == ("ci", ["read", "run"], None)
    secret = made["api_key"].split("_", 2)[2]
    assert secret not in json.dumps(server.cli("keys", "list"))
    for path in (server.folder / "state").iterdir():
        assert secret.encode() not in path.read_bytes()


def test_an_unknown_setting_is_one_clear_line() -> None:
    done = run("keys", "list", SANDBOXD_HOTS="x")
    assert done.returncode == 2
    assert done.stderr == "sandboxd: unknown setting SANDBOXD_HOTS; the settings are listed in docs/sandboxd.md\n"


@pytest.mark.parametrize(
    ("taken", "free"), [("SANDBOXD_PORT", "SANDBOXD_SERVICE_PORT"), ("SANDBOXD_SERVICE_PORT", "SANDBOXD_PORT")]
)
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, taken: str, free: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        settings = {taken: port, free: "0", "SANDBOXD_STATE_DIR": str(tmp_path), "SANDBOXD_RUN_DIR": str(tmp_path)}
        done = run(**settings)
    assert done.returncode == 2
    assert done.stderr.startswith(f"sandboxd: cannot listen on 127.0.0.1:{port} (Address already in use); set {taken}")
    assert done.stderr.count("\n") == 1


def test_a_state_folder_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = run("keys", "list", SANDBOXD_STATE_DIR=str(file / "below"))
    assert done.returncode == 2
    assert done.stderr.startswith("sandboxd: cannot use the database")
    assert done.stderr.count("\n") == 1


def test_an_unknown_runtime_does_not_keep_the_server_from_starting() -> None:
    server = Sandboxd(runtime="moon")
    try:
        server.start()
        log = server.log_file.read_text()
        assert "there is no runtime 'moon'" in log
    finally:
        server.close()
    assert not Path(server.folder).exists()
