"""list, create, delete, and the lists of other things."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


def test_it_works(cli: Cli) -> None:
    assert cli("create", "python", "--name", "made", "--ttl", "3600", "--idle-ttl", "600") == "made\n"
    found = {each["name"]: each for each in json.loads(cli("list", "--json"))}
    assert (found["made"]["ttl_seconds"], found["made"]["idle_ttl_seconds"]) == (3600, 600)
    lines = cli("list", "-q", "mad").splitlines()
    assert lines[0].split()[0] == "NAME"
    assert [line.split()[0] for line in lines[1:]] == ["made"]
    cli("delete", "made")
    assert "made" not in cli("list")


def test_a_name_is_made_up(cli: Cli) -> None:
    name = cli("create", "python").strip()
    assert cli.client.get_sandbox(name).status == "ready"
    cli("delete", name)


def test_one_that_cannot_be_deleted_does_not_keep_the_others(cli: Cli) -> None:
    cli("create", "python", "--name", "goes")
    done = cli.run("delete", "none-such", "goes")
    assert done.returncode == 1
    assert "none-such" in done.stderr
    assert "goes" not in cli("list")


def test_other_things_are_listed(cli: Cli) -> None:
    assert "python" in cli("templates")
    assert json.loads(cli("templates", "--json"))[0]["resources"]["cpu"] == "500m"
    assert cli("pools").split() == ["NAME", "TEMPLATE", "READY", "WANTED", "STATUS"]
    assert json.loads(cli("volumes", "--json")) == []
