"""Running a command from the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.commands.conftest import Box
    from tests.dashboard.conftest import Cast

URL = "/t/blue/sandboxes/box/commands/run"
SH = {"shell": "/bin/sh"}


def test_it_works(cast: Cast, box: Box) -> None:
    asked = {
        "command": "echo $WHO\r\npwd",
        "env_name": ["WHO", ""],
        "env_value": ["secret value", ""],
        "cwd": "/tmp",
        **SH,
    }
    answer = cast.client(cast.member).post(URL, asked)
    assert answer.status_code == 302
    command_id = answer.headers["Location"].rstrip("/").rpartition("/")[2]
    record = box.recorded(command_id)
    assert (record.command, record.cwd, record.env_names) == ("echo $WHO\npwd", "/tmp", ("WHO",))
    assert (record.actor, record.exit_code) == ("member", 0)
    with box.sandbox.reconnect(command_id) as handle:
        assert handle.result.stdout == "secret value\n/tmp\n"
    event = Event.objects.get()
    assert (event.action, event.target) == ("command.started", "box")
    assert "secret value" not in str(event.detail)


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 302), ("admin", 302), ("member", 302), ("viewer", 403), ("outsider", 404)]
)
def test_who_may_do_it(cast: Cast, box: Box, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, {"command": "true", **SH}).status_code == status
    assert Event.objects.count() == (1 if status == 302 else 0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"command": "  "}, "required"),
        ({"command": "true", "env_name": "9X", "env_value": ""}, "is no name of a variable"),
        ({"command": "true", "time_limit": "-1"}, "greater than or equal to 0"),
        ({"command": "true", "cwd": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    cast: Cast, box: Box, asked: dict[str, str], said: str
) -> None:
    answer = cast.client(cast.member).post(URL, {**SH, **asked})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert asked["command"].strip() in page
    assert not Event.objects.exists()


def test_running_again_begins_from_what_was_run_without_values(cast: Cast, box: Box) -> None:
    command_id = box.done("echo <again>", env={"TOKEN": "hush"}, cwd="/tmp")
    page = cast.client(cast.member).get(URL, {"again": command_id}).content.decode()
    assert "echo &lt;again&gt;" in page
    assert 'value="TOKEN"' in page
    assert 'value="/tmp"' in page
    assert "hush" not in page


def test_a_command_of_which_only_the_beginning_is_known_is_not_run_again(cast: Cast, box: Box) -> None:
    command_id = box.done(f"true {'x' * 5000}; echo the end")
    client = cast.client(cast.member)
    page = client.get(f"/t/blue/sandboxes/box/commands/{command_id}/").content.decode()
    assert "Only the beginning" in page
    assert "Run again" not in page
    assert "xxxx" not in client.get(URL, {"again": command_id}).content.decode()
