"""Ending a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.commands.conftest import Box
    from tests.dashboard.conftest import Cast


def url(command_id: str) -> str:
    return f"/t/blue/sandboxes/box/commands/{command_id}/kill"


def test_it_works(cast: Cast, box: Box) -> None:
    command_id = box.start("sleep 60")
    box.recorded(command_id, ended=False)
    browser = cast.client(cast.member)
    assert "sleep 60" in browser.get(url(command_id)).content.decode()
    assert browser.post(url(command_id)).status_code == 302
    assert box.recorded(command_id).status == "killed"
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("command.killed", "box", {"command_id": command_id})


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("outsider", 404)])
def test_who_may_not(cast: Cast, box: Box, who: str, status: int) -> None:
    command_id = box.start("sleep 60")
    box.recorded(command_id, ended=False)
    assert cast.client(getattr(cast, who)).post(url(command_id)).status_code == status
    assert box.recorded(command_id, ended=False).status == "running"


def test_one_that_has_ended_is_said(cast: Cast, box: Box) -> None:
    command_id = box.done("true")
    browser = cast.client(cast.member)
    answer = browser.post(url(command_id), follow=True)
    assert "does not run any more" in answer.content.decode()
    assert not Event.objects.exists()
