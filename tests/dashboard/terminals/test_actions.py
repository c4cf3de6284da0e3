"""What is written about shells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from dashboard.terminals.actions import mark_ended, mark_started

if TYPE_CHECKING:
    from dashboard.terminals.models import TerminalSession
    from tests.dashboard.conftest import Cast

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_first_start_stays(shell: TerminalSession) -> None:
    await mark_started(shell.id)
    await shell.arefresh_from_db()
    first = shell.started_at
    await mark_started(shell.id)
    await shell.arefresh_from_db()
    assert shell.started_at == first
    assert first is not None


async def test_an_end_that_two_pages_see_is_written_once(shell: TerminalSession, cast: Cast) -> None:
    await mark_ended(shell.id, exit_code=3)
    await mark_ended(shell.id, exit_code=None)
    await shell.arefresh_from_db()
    assert shell.exit_code == 3
    event = await Event.objects.aget(team=cast.team, action="terminal.ended")
    assert (event.target, event.detail["exit_code"], event.actor_id) == ("box", 3, None)
