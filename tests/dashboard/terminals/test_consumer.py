"""The socket: who gets in, what goes both ways, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session

from dashboard.audit.models import Event
from dashboard.sockets import CloseCode, Closing
from dashboard.teams.models import Membership, Role
from dashboard.terminals import consumer, pumps
from dashboard.terminals.events import Ended, Lost, Output
from dashboard.terminals.protocol import Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.terminals.models import TerminalSession
    from tests.dashboard.conftest import Cast
    from tests.dashboard.terminals.conftest import Shells_

    MakePage = Callable[..., Any]

# Sockets ask the database from another thread, which must see what the test wrote.
pytestmark = pytest.mark.django_db(transaction=True)


async def test_it_works(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    welcome = await one.open()
    assert welcome["read_only"] is False
    fakes.terminals[0].say("$ ", 0)
    assert (await one.until("output"))["output"] == (0, b"$ ")
    await one.type(0, b"ls\r")
    assert await one.until("taken") == {"type": "taken", "offset": 3}
    assert bytes(fakes.terminals[0].typed) == b"ls\r"


async def test_the_first_size_comes_with_open_and_later_ones_follow(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    assert fakes.openings[0].size == Size(24, 80)
    await fakes.terminals[0].until(lambda: fakes.terminals[0].sizes == [Size(24, 80)])
    await one.tell(type="resize", rows=40, cols=100)
    await fakes.terminals[0].until(lambda: fakes.terminals[0].sizes[1:] == [Size(40, 100)])


async def test_nobody_gets_in_without_signing_in(page: MakePage, fakes: Shells_) -> None:
    one = await page(None)
    assert await one.connect()
    assert (await one.receive())["close"] == CloseCode.SIGNED_OUT
    assert not fakes.openings


async def test_an_outsider_is_refused(page: MakePage, fakes: Shells_, cast: Cast) -> None:
    one = await page(cast.outsider)
    assert await one.connect()
    assert (await one.receive())["close"] == CloseCode.NOT_ALLOWED
    assert not fakes.openings


async def test_an_outsider_cannot_reach_it_by_their_own_team(
    page: MakePage, fakes: Shells_, cast: Cast, shell: TerminalSession
) -> None:
    one = await page(cast.outsider, path=f"/t/green/sandboxes/box/terminal/{shell.id}/socket")
    assert await one.connect()
    assert (await one.receive())["close"] == CloseCode.GONE
    assert not fakes.openings


async def test_a_viewer_sees_and_does_not_type(page: MakePage, fakes: Shells_, cast: Cast) -> None:
    one = await page(cast.viewer)
    welcome = await one.open()
    assert welcome["read_only"] is True
    terminal = fakes.terminals[0]
    await one.type(0, b"rm -rf ~\r")
    await one.tell(type="resize", rows=1, cols=1)
    terminal.say("hello")
    assert (await one.until("output"))["output"] == (0, b"hello")
    await one.tell(type="ping", id=7)
    assert (await one.until("pong"))["id"] == 7
    assert not terminal.typed
    assert not terminal.sizes


async def test_an_unknown_terminal_is_gone(page: MakePage, fakes: Shells_) -> None:
    one = await page(path=f"/t/blue/sandboxes/box/terminal/{uuid4()}/socket")
    assert await one.connect()
    assert (await one.receive())["close"] == CloseCode.GONE


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9999", "null", ""])
async def test_another_origin_gets_no_socket(page: MakePage, fakes: Shells_, origin: str) -> None:
    one = await page(origin=origin)
    assert not await one.connect()
    assert not fakes.openings


@pytest.mark.parametrize(
    "first",
    [
        {"type": "ping", "id": 1},
        {"type": "open", "client": "client-one", "offset": -1, "rows": 24, "cols": 80},
        {"type": "open", "client": "client-one", "offset": 0, "rows": 0, "cols": 80},
        {"type": "open", "client": "client-one", "offset": 0, "rows": True, "cols": 80},
        {"type": "open", "client": "../..", "offset": 0, "rows": 24, "cols": 80},
    ],
)
async def test_the_first_message_must_be_open(page: MakePage, fakes: Shells_, first: dict[str, object]) -> None:
    one = await page()
    assert await one.connect()
    await one.tell(**first)
    assert (await one.until("close"))["close"] == CloseCode.BAD_MESSAGE


@pytest.mark.parametrize("text", ["not json", "[]", "[" * 50_000, '{"type": "open"', "x" * 70_000])
async def test_what_is_no_message_closes(page: MakePage, fakes: Shells_, text: str) -> None:
    one = await page()
    await one.open()
    await one.say(text)
    assert (await one.until("close"))["close"] == CloseCode.BAD_MESSAGE
    async with asyncio.timeout(5):
        await fakes.terminals[0].closed.wait()


async def test_typing_with_a_hole_closes(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    await one.type(5, b"x")
    assert (await one.until("close"))["close"] == CloseCode.BAD_MESSAGE


async def test_who_says_nothing_is_not_waited_for(
    page: MakePage, fakes: Shells_, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "OPEN_SECONDS", 0.05)
    one = await page()
    assert await one.connect()
    assert (await one.until("close"))["close"] == CloseCode.SILENT


async def test_the_end_of_the_shell_is_told_and_noted(
    page: MakePage, fakes: Shells_, cast: Cast, shell: TerminalSession
) -> None:
    one = await page()
    await one.open()
    fakes.terminals[0].events.put_nowait(Ended(3))
    assert await one.until("exit") == {"type": "exit", "exit_code": 3}
    assert (await one.until("close"))["close"] == CloseCode.ENDED
    await shell.arefresh_from_db()
    assert shell.exit_code == 3
    assert shell.ended_at is not None
    assert await Event.objects.filter(action="terminal.ended", team=cast.team).acount() == 1


async def test_a_shell_that_ended_with_its_sandbox_is_gone(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    fakes.terminals[0].sandbox_gone = Closing(CloseCode.GONE, "The sandbox was deleted.")
    fakes.terminals[0].events.put_nowait(Ended(137))
    assert await one.until("close") == {"close": CloseCode.GONE, "reason": "The sandbox was deleted."}


async def test_what_the_server_says_reaches_the_page(page: MakePage, fakes: Shells_) -> None:
    fakes.refuse = Closing(CloseCode.GONE, "The sandbox was deleted.")
    one = await page()
    assert await one.connect()
    await one.tell(type="open", client="client-one", offset=0, rows=24, cols=80)
    assert await one.until("close") == {"close": CloseCode.GONE, "reason": "The sandbox was deleted."}


async def test_a_sign_out_ends_the_socket(page: MakePage, fakes: Shells_, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumps, "RECHECK_SECONDS", 0.02)
    one = await page()
    await one.open()
    await Session.objects.all().adelete()
    assert (await one.until("close"))["close"] == CloseCode.SIGNED_OUT


async def test_losing_the_membership_ends_the_socket(
    page: MakePage, fakes: Shells_, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "RECHECK_SECONDS", 0.02)
    one = await page()
    await one.open()
    await Membership.objects.filter(user=cast.owner).adelete()
    assert (await one.until("close"))["close"] == CloseCode.NOT_ALLOWED


async def test_a_changed_role_has_the_page_come_back(
    page: MakePage, fakes: Shells_, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "RECHECK_SECONDS", 0.02)
    one = await page()
    await one.open()
    await Membership.objects.filter(user=cast.owner).aupdate(role=Role.VIEWER)
    assert (await one.until("close"))["close"] == CloseCode.RELOADING
    again = await page()
    assert (await again.open())["read_only"] is True


async def test_a_silent_page_is_let_go(page: MakePage, fakes: Shells_, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumps, "PING_SECONDS", 0.02)
    monkeypatch.setattr(pumps, "SILENT_SECONDS", 0.1)
    one = await page()
    await one.open()
    assert (await one.until("ping"))["type"] == "ping"
    assert (await one.until("close"))["close"] == CloseCode.SILENT


async def test_leaving_lets_go_of_the_shell(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    await one.leave()
    async with asyncio.timeout(5):
        await fakes.terminals[0].closed.wait()


async def test_a_fault_of_the_console_closes_and_is_logged(
    page: MakePage, fakes: Shells_, caplog: pytest.LogCaptureFixture
) -> None:
    one = await page()
    await one.open()
    fakes.terminals[0].events.put_nowait("no event")  # type: ignore[arg-type]
    fakes.terminals[0].events.put_nowait(Output("no offset", b""))  # type: ignore[arg-type]
    assert (await one.until("close"))["close"] == CloseCode.UNREACHABLE
    assert "terminal socket failed" in caplog.text


async def test_a_gap_is_told(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    fakes.terminals[0].events.put_nowait(Lost(0, 5_000_000))
    fakes.terminals[0].say("on", 5_000_000)
    assert await one.until("gap") == {"type": "gap", "from": 0, "to": 5_000_000}
    assert (await one.until("output"))["output"] == (5_000_000, b"on")


async def test_no_database_while_it_runs(page: MakePage, fakes: Shells_, cast: Cast) -> None:
    """Between the opening and the next check of rights a socket asks the database nothing."""
    from django.db import connections

    one = await page()
    await one.open()

    def forbid(*_: object) -> None:
        raise AssertionError("the database was asked")

    def guard() -> Any:
        context = connections["default"].execute_wrapper(forbid)
        context.__enter__()
        return context

    context = await sync_to_async(guard)()
    fakes.terminals[0].say("$ ", 0)
    await one.until("output")
    await one.type(0, b"x")
    await one.until("taken")
    await sync_to_async(lambda: context.__exit__(None, None, None))()
