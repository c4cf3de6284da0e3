"""A command's output as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from django.urls import reverse

from dashboard.commands.views import output

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from tests.dashboard.commands.conftest import Box
    from tests.dashboard.conftest import Cast

# The view's file is read on the loop that the view ran on, and the view asks the database from another thread.
pytestmark = pytest.mark.django_db(transaction=True)


async def fetched(person: User, command_id: str, stream: str = "both") -> tuple[int, str, dict[str, str]]:
    """Status, content and headers of the file."""
    browser = AsyncClient()
    await browser.aforce_login(person)
    answer = await browser.get(f"/t/blue/sandboxes/box/commands/{command_id}/output?stream={stream}")
    if not answer.streaming:
        return answer.status_code, answer.content.decode(), dict(answer.headers)
    content = b"".join([piece async for piece in answer])
    return answer.status_code, content.decode(), dict(answer.headers)


async def test_it_works(cast: Cast, box: Box) -> None:
    command_id = await sync_to_async(box.done)("seq 1 30000; echo fault >&2")
    everything = "".join(f"{number}\n" for number in range(1, 30001))
    assert (await fetched(cast.viewer, command_id, "stdout"))[1] == everything
    status, content, headers = await fetched(cast.viewer, command_id, "stderr")
    assert (status, content) == (200, "fault\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Disposition"] == f'attachment; filename="box-{command_id[:8]}-stderr.txt"'
    assert len((await fetched(cast.viewer, command_id))[1]) == len(everything) + len("fault\n")


async def test_of_a_running_command_it_is_what_there_is(cast: Cast, box: Box) -> None:
    command_id = await sync_to_async(box.start)("echo so far; sleep 60")
    await sync_to_async(box.recorded)(command_id, ended=False)
    assert (await fetched(cast.viewer, command_id))[1] == "so far\n"


async def test_an_outsider_gets_nothing(cast: Cast, box: Box) -> None:
    command_id = await sync_to_async(box.done)("echo secret")
    assert (await fetched(cast.outsider, command_id))[0] == 404


@pytest.mark.parametrize("command_id", ["never-run", "..%2f"])
async def test_one_that_is_not_known_is_said(cast: Cast, box: Box, command_id: str) -> None:
    assert (await fetched(cast.viewer, command_id))[0] == 404


async def test_one_that_was_given_a_name_of_its_own(cast: Cast, box: Box) -> None:
    await sync_to_async(box.done)("echo named", command_id="a/../b")
    address = reverse("command_output", kwargs={"team": "blue", "name": "box", "command_id": "a/../b"})
    assert (await fetched(cast.viewer, address.split("/")[-2]))[:2] == (200, "named\n")


async def test_the_file_of_a_command_that_goes_on_ends_with_the_membership(
    cast: Cast, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(output, "PAUSE", 10.0)
    command_id = await sync_to_async(box.start)("while :; do echo more; sleep 0.05; done")
    browser = AsyncClient()
    await browser.aforce_login(cast.viewer)
    answer = await browser.get(f"/t/blue/sandboxes/box/commands/{command_id}/output")
    await cast.team.memberships.filter(user=cast.viewer).adelete()
    content = b"".join([piece async for piece in answer])
    assert content.endswith(b"[You may not look at this command any more.]\n")
