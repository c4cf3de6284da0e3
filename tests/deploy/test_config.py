from __future__ import annotations

import pwd
import socket
from typing import TYPE_CHECKING

import pytest

from deploy import preflight
from deploy.config import SETTINGS, Config, ConfigurationError, default_run_dir, load

if TYPE_CHECKING:
    from pathlib import Path


def config(tmp_path: Path, **settings: str) -> Config:
    return load({"STATE_DIR": str(tmp_path / "state"), "RUN_DIR": str(tmp_path / "run"), **settings})


def test_it_works(tmp_path: Path) -> None:
    found = config(tmp_path)
    assert found.console_url == "http://127.0.0.1:8000"
    assert found.api_endpoint == "http://127.0.0.1:8001/v2/sandboxes"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "٣", "80 80"])
def test_a_port_that_is_none_is_named(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigurationError, match="CONSOLE_PORT"):
        config(tmp_path, CONSOLE_PORT=port)


def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"{port}.*SANDBOXD_PORT={port + 100} make up"):
            preflight.check_ports(config(tmp_path, SANDBOXD_PORT=str(port)))


@pytest.mark.parametrize(
    "names",
    [
        ("CONSOLE_PORT", "SANDBOXD_PORT"),
        ("CONSOLE_PORT", "SANDBOXD_SERVICE_PORT"),
        ("SANDBOXD_PORT", "SANDBOXD_SERVICE_PORT"),
    ],
)
def test_one_port_for_two_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=f"{names[0]} and {names[1]} are both 9000; give two ports"):
        preflight.check_ports(config(tmp_path, **dict.fromkeys(names, "9000")))


def test_only_one_runs_on_a_state_folder(tmp_path: Path) -> None:
    found = config(tmp_path)
    with preflight.take_lock(found), pytest.raises(ConfigurationError, match="already runs"):
        preflight.take_lock(found)
    preflight.take_lock(found).close()


def test_a_file_where_the_state_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigurationError, match="STATE_DIR"):
        preflight.take_lock(config(tmp_path))


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sandboxd").symlink_to("/etc")
    with pytest.raises(ConfigurationError, match="in the way"):
        preflight.make_folder(tmp_path / "sandboxd", pwd.getpwuid(0), 0o700)


def test_run_folders_differ_by_state_folder_and_are_short(tmp_path: Path) -> None:
    first, second = (default_run_dir(tmp_path / name, {}) for name in ("one", "two"))
    assert first != second
    assert len(str(first)) < 50


def test_every_setting_is_documented() -> None:
    from deploy.config import APP_DIR

    text = (APP_DIR / "README.md").read_text()
    assert [name for name in SETTINGS if f"`{name}`" not in text] == []
