"""``python -m sandboxcore.server``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandboxcore.server.auth import Caller
from sandboxcore.server.cli import build_parser, duration
from sandboxcore.server.db.engine import Database
from sandboxcore.server.services import volumes, workspaces
from tests.server.running import Sandboxd

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "sandboxd.md"


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


def test_workspaces_are_made_listed_and_deleted(server: Sandboxd) -> None:
    made = server.cli("workspaces", "create", "blue")
    assert made["name"] == "blue"
    assert [each["name"] for each in server.cli("workspaces", "list")] == ["blue", "default"]
    key = server.cli("keys", "create", "--name", "k", "--workspace", "blue", "--scopes", "read")
    [listed] = server.cli("keys", "list", "--workspace", "blue")
    assert (listed["id"], listed["workspace"], listed["status"]) == (key["id"], "blue", "living")
    assert server.cli("workspaces", "delete", "blue") == {"id": made["id"], "name": "blue", "gone": True}
    assert [each["name"] for each in server.cli("workspaces", "list")] == ["default"]
    with pytest.raises(AssertionError, match="there is no workspace 'blue'"):
        server.cli("workspaces", "delete", "blue")


def test_a_workspace_with_volumes_is_deleted_by_force_alone(server: Sandboxd) -> None:
    server.cli("workspaces", "create", "blue")
    database = Database(f"sqlite:///{server.folder}/state/sandboxd.sqlite3")

    async def add_volume() -> None:
        blue = await workspaces.get_workspace(database, name="blue")
        caller = Caller(blue.id, "k", frozenset(), acts_for_people=False, actor="test")
        await volumes.create_volume(database, actor=caller, name="v", size="16Mi", storage_class="s")
        await database.close()

    asyncio.run(add_volume())
    with pytest.raises(AssertionError, match="holds 1 volume; delete those first, or say --force"):
        server.cli("workspaces", "delete", "blue")
    # Only a server can remove the volume: until one runs, the workspace is on its way out.
    assert server.cli("workspaces", "delete", "blue", "--force")["gone"] is False
    assert [each["name"] for each in server.cli("workspaces", "list")] == ["default"]
    server.cli("workspaces", "create", "blue")


def test_keys_that_expire(server: Sandboxd) -> None:
    made = server.cli("keys", "create", "--name", "k", "--expires-in", "90d")
    [listed] = [key for key in server.cli("keys", "list") if key["id"] == made["id"]]
    left = datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "9999d", "1.5h", "d", "٣d"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="give a time like 90d"):
        duration(text)


def test_times() -> None:
    assert [duration(text) for text in ("45", "45s", "30m", "12h", "90d")] == [45, 45, 1800, 43200, 7776000]


def test_admin_keys_are_made_listed_and_revoked_but_for_the_last(server: Sandboxd) -> None:
    made = server.cli("admin-keys", "create", "--name", "second", "--expires-in", "12h")
    assert made["admin_key"].startswith(f"sbxa_{made['id']}_")
    listed = server.cli("admin-keys", "list")
    assert [(key["name"], key["status"]) for key in listed] == [("init", "living"), ("second", "living")]
    assert made["admin_key"] not in json.dumps(listed)
    assert server.cli("admin-keys", "revoke", made["id"]) == {"revoked": True}
    assert server.cli("admin-keys", "revoke", made["id"]) == {"revoked": False}
    with pytest.raises(AssertionError, match="the last living admin key"):
        server.cli("admin-keys", "revoke", listed[0]["id"])


def commands() -> dict[str, ArgumentParser]:
    """Every command and its parser, by the words that call it."""
    found = {}

    def visit(words: tuple[str, ...], parser: ArgumentParser) -> None:
        children = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
        if not children:
            found[" ".join(words)] = parser
        for name, child in (item for choices in children for item in choices.items()):
            visit((*words, name), child)

    visit((), build_parser())
    return found


def test_every_command_and_option_is_documented() -> None:
    rows = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith("| `")]
    assert len(commands()) > 10
    for words, parser in commands().items():
        [row] = [line for line in rows if re.match(rf"\| `{words}[ `]", line)]
        documented = set(re.findall(r"--[a-z-]+", row.split("`")[1]))
        options = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
        assert documented == options, words
