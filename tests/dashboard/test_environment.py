"""Reading settings from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard.environment import Environment, database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_it_works() -> None:
    found = Environment({"CONSOLE_PORT": " 9000 ", "CONSOLE_DEBUG": "true", "CONSOLE_ALLOWED_HOSTS": "a, b,"})
    assert found.number("CONSOLE_PORT", 8000, "", low=1, high=65535) == 9000
    assert found.flag("CONSOLE_DEBUG", False, "") is True
    assert found.words("CONSOLE_ALLOWED_HOSTS", "", "") == ["a", "b"]
    assert found.text("CONSOLE_HOST", "127.0.0.1", "") == "127.0.0.1"
    found.refuse_unknown()


def test_an_unknown_setting_is_refused() -> None:
    found = Environment({"CONSOLE_PROT": "9000", "PATH": "/bin"})
    found.text("CONSOLE_PORT", "8000", "")
    with pytest.raises(ImproperlyConfigured, match=r"CONSOLE_PROT.*Known: CONSOLE_PORT"):
        found.refuse_unknown()


@pytest.mark.parametrize(
    "read",
    [
        lambda found: found.number("CONSOLE_X", 1, "", low=1, high=10),
        lambda found: found.flag("CONSOLE_X", True, ""),
    ],
)
@pytest.mark.parametrize("value", ["", "0", "11", "-1", "yes", "٣"])
def test_a_bad_value_is_refused_by_name(read: Callable[[Environment], object], value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CONSOLE_X"):
        read(Environment({"CONSOLE_X": value}))


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    found = Environment({"CONSOLE_KEY_FILE": str(file)})
    assert found.secret_file("CONSOLE_KEY_FILE", tmp_path, "", shown="") == (file, "")
    file.write_text("x" * 40 + "\n")
    assert found.secret_file("CONSOLE_KEY_FILE", tmp_path, "", shown="") == (file, "x" * 40)


def test_a_secret_that_is_short_or_unreadable_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("short")
    with pytest.raises(ImproperlyConfigured, match="fewer than 32"):
        Environment({"CONSOLE_KEY_FILE": str(file)}).secret_file("CONSOLE_KEY_FILE", tmp_path, "", shown="")
    with pytest.raises(ImproperlyConfigured, match="cannot read"):
        Environment({"CONSOLE_KEY_FILE": str(tmp_path)}).secret_file("CONSOLE_KEY_FILE", tmp_path, "", shown="")


def test_databases() -> None:
    assert database("sqlite:////srv/console%20a.db")["NAME"] == "/srv/console a.db"
    options = database("sqlite:////srv/a.db")["OPTIONS"]
    assert isinstance(options, dict)
    assert options["transaction_mode"] == "IMMEDIATE"
    found = database("postgresql://me:p%40ss@db.example:5433/console")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("me", "p@ss", "db.example", "5433")
    with pytest.raises(ImproperlyConfigured, match="must begin with"):
        database("mysql://x")
