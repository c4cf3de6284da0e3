"""The page of one command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dashboard.commands.conftest import Box
    from tests.dashboard.conftest import Cast

HERE = "/t/blue/sandboxes/box/commands/"


def test_it_works(cast: Cast, box: Box) -> None:
    command_id = box.done("echo '<script>'\nexit 4", cwd="/tmp", env={"WHO": "x"})
    page = cast.client(cast.viewer).get(f"{HERE}{command_id}/").content.decode()
    for shown in ("echo &#x27;&lt;script&gt;&#x27;\nexit 4", "failed", ">4<", "/tmp", "WHO", f"{command_id}/socket"):
        assert shown in page, shown
    assert "<script>'" not in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, box: Box, who: str, status: int) -> None:
    command_id = box.done("true")
    for part in ("", "facts"):
        assert cast.client(getattr(cast, who)).get(f"{HERE}{command_id}/{part}").status_code == status


def test_one_that_is_not_known_is_said(cast: Cast, box: Box) -> None:
    answer = cast.client(cast.viewer).get(f"{HERE}no-such-command/")
    assert answer.status_code == 404
    assert "no-such-command" in answer.content.decode()
    assert "data-output" not in answer.content.decode()


def test_what_cannot_be_seen_in_a_command_line_is_shown(cast: Cast, box: Box) -> None:
    command_id = box.done("true # \u202egnp.exe\x1b[2J")
    page = cast.client(cast.viewer).get(f"{HERE}{command_id}/").content.decode()
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "⟨202E⟩gnp.exe⟨001B⟩[2J" in page


@pytest.mark.parametrize(
    "command_id", ["a/b", "..", "x/kill", "\n<script>alert(1)</script>", "?q=1#h", "~", "%2e%2e", "\u202e é"]
)
def test_whoever_starts_a_command_may_call_it_anything(cast: Cast, box: Box, command_id: str) -> None:
    box.done("echo named", command_id=command_id)
    client = cast.client(cast.owner)
    for place in (HERE, "/t/blue/sandboxes/box/timeline/"):
        listed = client.get(place)
        assert listed.status_code == 200, place
        address = re.search(rf'"({HERE}[^"/]+/)"', listed.content.decode())
        assert address is not None, place
    page = client.get(address[1])
    assert page.status_code == 200
    assert "echo named" in page.content.decode()
    assert b"does not run any more" in client.post(f"{address[1]}kill", follow=True).content
