"""Output no faster than the page draws it; typing once and in order, over reconnects too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.sockets import CloseCode
from dashboard.terminals import output
from dashboard.terminals.events import Ended, Lost, Modes, Output
from dashboard.terminals.line import INPUT_MESSAGES
from dashboard.terminals.protocol import OUTPUT_WINDOW, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.terminals.models import TerminalSession
    from tests.dashboard.conftest import Cast
    from tests.dashboard.terminals.conftest import FakeTerminal, Page, Shells_

    MakePage = Callable[..., Any]

# Sockets ask the database from another thread, which must see what the test wrote.
pytestmark = pytest.mark.django_db(transaction=True)

PIECE = 64 * 1024
FLOOD = 64


def flood(terminal: FakeTerminal) -> None:
    """Four times what may be on its way."""
    for number in range(FLOOD):
        terminal.events.put_nowait(Output(number * PIECE, bytes([number]) * PIECE))


async def outputs(page: Page, until: int) -> int:
    """Take output up to the offset ``until``; checks that each piece follows the one before."""
    end = -1
    while end < until:
        offset, data = (await page.until("output"))["output"]
        assert end in (-1, offset)
        assert data == bytes([offset // PIECE]) * PIECE
        end = offset + len(data)
    return end


async def test_a_page_that_draws_nothing_is_sent_one_window(page: MakePage, fakes: Shells_) -> None:
    fakes.prepare = flood
    one = await page()
    await one.open()
    assert await outputs(one, OUTPUT_WINDOW) == OUTPUT_WINDOW
    # The page is still heard, and the shell is not read on.
    await one.tell(type="ping", id=1)
    assert (await one.until("pong"))["id"] == 1
    assert fakes.terminals[0].read == OUTPUT_WINDOW // PIECE


async def test_what_is_drawn_makes_room_for_as_much(page: MakePage, fakes: Shells_) -> None:
    fakes.prepare = flood
    one = await page()
    await one.open()
    await outputs(one, OUTPUT_WINDOW)
    await one.tell(type="taken", offset=3 * PIECE)
    assert await outputs(one, OUTPUT_WINDOW + 3 * PIECE) == OUTPUT_WINDOW + 3 * PIECE
    await one.tell(type="ping", id=1)
    await one.until("pong")
    assert fakes.terminals[0].read == OUTPUT_WINDOW // PIECE + 3


async def test_a_page_cannot_claim_what_it_was_not_sent(page: MakePage, fakes: Shells_) -> None:
    fakes.prepare = flood
    one = await page()
    await one.open()
    await one.tell(type="taken", offset=2**50)
    await outputs(one, OUTPUT_WINDOW)
    await one.tell(type="ping", id=1)
    await one.until("pong")
    assert fakes.terminals[0].read <= 2 * OUTPUT_WINDOW // PIECE


async def test_a_slow_page_does_not_hold_up_another(page: MakePage, fakes: Shells_) -> None:
    fakes.prepare = flood
    slow, quick = await page(), await page()
    await slow.open("client-slow")
    await quick.open("client-quick")
    for done in range(OUTPUT_WINDOW, FLOOD * PIECE + 1, OUTPUT_WINDOW):
        await outputs(quick, done)
        await quick.tell(type="taken", offset=done)
    assert fakes.terminals[1].read == FLOOD
    assert fakes.terminals[0].read == OUTPUT_WINDOW // PIECE


async def test_output_is_asked_for_from_where_the_page_is(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open(offset=123_456)
    assert fakes.openings[0].offset == 123_456


async def test_typing_sent_again_after_a_reconnect_is_typed_once(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    assert (await one.open())["input"] is None
    await one.type(0, b"echo a\r")
    await one.type(7, b"echo b\r")
    await fakes.terminals[0].until(lambda: len(fakes.terminals[0].typed) == 14)
    await one.leave()  # the page has not heard what was taken
    two = await page()
    assert (await two.open())["input"] == 14
    await two.type(7, b"echo b\r")
    await two.type(14, b"echo c\r")
    await fakes.terminals[1].until(lambda: bytes(fakes.terminals[1].typed) == b"echo c\r")
    assert bytes(fakes.terminals[0].typed) == b"echo a\recho b\r"


async def test_part_of_what_is_sent_again_may_be_new(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    await one.type(0, b"abc")
    await one.until("taken")
    await one.type(1, b"bcd")
    assert (await one.until("taken"))["offset"] == 4
    assert bytes(fakes.terminals[0].typed) == b"abcd"


async def test_a_write_that_has_begun_is_finished_when_the_page_leaves(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    await one.open()
    first = fakes.terminals[0]
    first.may_write.clear()
    await one.type(0, b"slow")
    async with asyncio.timeout(5):
        await first.writing.wait()
    await one.leave()
    two = await page()
    await two.open()
    await two.type(0, b"slow")
    await two.type(4, b" next")
    await two.tell(type="ping", id=1)
    await two.until("pong")
    assert not fakes.terminals[1].typed, "the second connection must not overtake the first"
    first.may_write.set()
    await fakes.terminals[1].until(lambda: bytes(fakes.terminals[1].typed) == b" next")
    assert bytes(first.typed) == b"slow"


async def test_two_pages_number_their_typing_apart(page: MakePage, fakes: Shells_) -> None:
    one, two = await page(), await page()
    await one.open("client-one")
    await two.open("client-two")
    await one.type(0, b"a")
    await two.type(0, b"b")
    assert (await one.until("taken"))["offset"] == 1
    assert (await two.until("taken"))["offset"] == 1
    assert bytes(fakes.terminals[0].typed) + bytes(fakes.terminals[1].typed) == b"ab"


async def test_typing_without_waiting_is_refused_and_bounded(page: MakePage, fakes: Shells_) -> None:
    def deaf(terminal: FakeTerminal) -> None:
        terminal.may_write.clear()

    fakes.prepare = deaf
    one = await page()
    await one.open()
    for number in range(INPUT_MESSAGES + 2):
        await one.type(number, b"x")
    assert (await one.until("close"))["close"] == CloseCode.BAD_MESSAGE
    fakes.terminals[0].may_write.set()


async def test_control_is_heard_while_the_shell_takes_no_input(page: MakePage, fakes: Shells_) -> None:
    fakes.prepare = lambda terminal: terminal.may_write.clear()
    one = await page()
    await one.open()
    await one.type(0, b"x")
    await one.tell(type="ping", id=3)
    assert (await one.until("pong"))["id"] == 3
    fakes.terminals[0].say("still here")
    assert (await one.until("output"))["output"] == (0, b"still here")
    fakes.terminals[0].may_write.set()


async def test_a_new_shell_has_nothing_to_replay(page: MakePage, fakes: Shells_) -> None:
    one = await page()
    assert (await one.open())["live"] == 0


async def test_what_one_page_was_shown_is_a_replay_for_the_next(
    page: MakePage, fakes: Shells_, shell: TerminalSession
) -> None:
    from dashboard.terminals.actions import mark_started

    one = await page()
    await one.open("client-one")
    fakes.terminals[0].say("what are you?\x1b[c")
    await one.until("output")
    await mark_started(shell.id)
    two = await page()
    assert (await two.open("client-two"))["live"] == 16


async def test_a_shell_that_this_process_does_not_know_is_live_when_it_pauses(
    page: MakePage, fakes: Shells_, shell: TerminalSession
) -> None:
    from dashboard.terminals.actions import mark_started

    await mark_started(shell.id)
    fakes.prepare = lambda terminal: terminal.say("old\x1b[c")
    one = await page()
    assert (await one.open())["live"] is None
    assert (await one.until("answer"))["on"] is True
    assert (await one.until("output"))["output"] == (0, b"old\x1b[c")
    assert await one.until("live") == {"type": "live", "offset": 6}


async def test_the_page_with_the_keyboard_answers(page: MakePage, fakes: Shells_, cast: Cast) -> None:
    one, two, viewer = await page(), await page(), await page(cast.viewer)
    await one.open("client-one")
    assert (await one.until("answer"))["on"] is True
    await two.open("client-two")
    assert (await one.until("answer"))["on"] is False
    assert (await two.until("answer"))["on"] is True
    await viewer.open("client-three")
    await two.leave()
    assert (await one.until("answer"))["on"] is True


def numbering(terminal: FakeTerminal) -> None:
    """A session that remembers what was typed, as our server's."""
    terminal.taken = 0


async def test_numbered_typing_is_taken_when_the_session_says_so(page: MakePage, fakes: Shells_) -> None:
    fakes.prepare = numbering
    one = await page()
    assert (await one.open())["input"] == 0
    await one.type(0, b"ab")
    assert await one.until("taken") == {"type": "taken", "offset": 2}
    await one.type(0, b"abc")
    assert await one.until("taken") == {"type": "taken", "offset": 3}
    assert bytes(fakes.terminals[0].typed) == b"abc"


async def test_typing_is_not_typed_twice_though_the_console_was_restarted(page: MakePage, fakes: Shells_) -> None:
    def remembering(terminal: FakeTerminal) -> None:
        terminal.taken = 14

    fakes.prepare = remembering
    one = await page()
    assert (await one.open())["input"] == 14
    await one.type(7, b"echo b\recho c\r")
    assert (await one.until("taken"))["offset"] == 21
    assert bytes(fakes.terminals[0].typed) == b"echo c\r"


async def test_who_has_not_the_keyboard_is_refused_until_they_take_it(
    page: MakePage, fakes: Shells_, cast: Cast
) -> None:
    fakes.prepare = numbering
    ann, bob = await page(), await page(cast.member)
    await ann.open("client-ann")
    you = (await bob.open("client-bob"))["you"]
    await bob.type(0, b"x")
    assert await bob.until("refused") == {"type": "refused", "offset": 0}
    await bob.type(1, b"y")
    assert (await bob.until("refused"))["offset"] == 0
    await bob.tell(type="keyboard", to=you)
    while (await bob.until("people"))["keyboard"] != you:
        pass
    await bob.type(0, b"z")
    assert (await bob.until("taken"))["offset"] == 1
    assert bytes(fakes.terminals[1].typed) == b"z"
    await ann.type(0, b"a")
    assert (await ann.until("refused"))["offset"] == 0
    assert not fakes.terminals[0].typed


async def test_the_size_follows_the_keyboard(page: MakePage, fakes: Shells_, cast: Cast) -> None:
    ann, bob = await page(), await page(cast.member)
    await ann.open("client-ann")
    await fakes.terminals[0].until(lambda: fakes.terminals[0].sizes == [Size(24, 80)])
    you = (await bob.open("client-bob"))["you"]
    await bob.tell(type="resize", rows=10, cols=40)
    await bob.tell(type="keyboard", to=you)
    await fakes.terminals[1].until(lambda: fakes.terminals[1].sizes == [Size(10, 40)])
    while (told := await ann.until("people"))["rows"] != 10:
        pass
    assert (told["cols"], told["keyboard"]) == (40, you)
    assert [(each["name"], each["you"]) for each in told["people"]] == [("owner", True), ("member", False)]


async def test_a_second_connection_of_a_page_ends_the_first(page: MakePage, fakes: Shells_) -> None:
    one, two = await page(), await page()
    await one.open("client-one")
    await two.open("client-one")
    assert (await one.until("close"))["close"] == CloseCode.TAKEN_OVER


async def test_a_flood_is_skipped_when_the_page_asks(page: MakePage, fakes: Shells_) -> None:
    def prepare(terminal: FakeTerminal) -> None:
        numbering(terminal)
        flood(terminal)

    fakes.prepare = prepare
    one = await page()
    await one.open()
    await outputs(one, OUTPUT_WINDOW)
    terminal = fakes.terminals[0]
    await one.tell(type="skip")
    end = FLOOD * PIECE
    terminal.events.put_nowait(Lost(end, end + 1_000_000))
    terminal.events.put_nowait(Modes("\x1b[?1h", end + 1_000_010))
    terminal.skipped(end + 1_000_000)
    terminal.say("newest", end + 1_000_000)
    assert await one.until("gap") == {"type": "gap", "from": OUTPUT_WINDOW, "to": end + 1_000_000}
    await one.until("skipped")
    assert (await one.until("modes"))["sequence"] == "\x1b[?1h"
    await one.tell(type="taken", offset=end + 1_000_000)
    assert (await one.until("output"))["output"] == (end + 1_000_000, b"newest")
    assert terminal.skips == 1


async def test_what_came_before_a_skip_that_skipped_nothing_is_shown(page: MakePage, fakes: Shells_) -> None:
    def prepare(terminal: FakeTerminal) -> None:
        numbering(terminal)
        for number in range(6):
            terminal.events.put_nowait(Output(number * PIECE, bytes([number]) * PIECE))

    fakes.prepare = prepare
    one = await page()
    await one.open()
    await outputs(one, OUTPUT_WINDOW)
    await one.tell(type="skip")
    fakes.terminals[0].skipped(6 * PIECE)
    await one.tell(type="taken", offset=OUTPUT_WINDOW)
    assert await outputs(one, 6 * PIECE) == 6 * PIECE


async def skipping(page: MakePage, fakes: Shells_) -> tuple[Page, FakeTerminal]:
    """A page that has asked to skip, and its shell, which has been told."""
    fakes.prepare = numbering
    one = await page()
    await one.open()
    terminal = fakes.terminals[0]
    await one.tell(type="skip")
    await terminal.until(lambda: terminal.skips == 1)
    return one, terminal


async def test_a_skip_that_is_given_up_behind_a_gap_tells_of_the_gap(
    page: MakePage, fakes: Shells_, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SKIP_SECONDS", 0.05)
    one, terminal = await skipping(page, fakes)
    terminal.events.put_nowait(Lost(0, 100))
    assert await one.until("gap") == {"type": "gap", "from": 0, "to": 100}
    await one.until("skipped")
    terminal.say("more", 100)
    assert (await one.until("output"))["output"] == (100, b"more")


async def test_a_skip_that_is_never_done_is_given_up(
    page: MakePage, fakes: Shells_, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was held is shown, and an answer that comes after all does no harm."""
    monkeypatch.setattr(output, "SKIP_SECONDS", 0.05)
    one, terminal = await skipping(page, fakes)
    terminal.say("held", 0)
    await one.until("skipped")
    assert (await one.until("output"))["output"] == (0, b"held")
    terminal.skipped(4)
    terminal.say("more", 4)
    assert (await one.until("output"))["output"] == (4, b"more")


async def test_a_shell_that_ends_while_a_page_skips_shows_its_last_words(page: MakePage, fakes: Shells_) -> None:
    one, terminal = await skipping(page, fakes)
    terminal.say("bye", 0)
    terminal.events.put_nowait(Ended(0))
    assert (await one.until("output"))["output"] == (0, b"bye")
    assert (await one.until("exit"))["exit_code"] == 0


async def test_a_redraw_is_for_who_has_the_keyboard(page: MakePage, fakes: Shells_, cast: Cast) -> None:
    ann, viewer = await page(), await page(cast.viewer)
    await ann.open("client-ann")
    await viewer.open("client-viewer")
    await viewer.tell(type="redraw")
    await viewer.tell(type="ping", id=1)
    await viewer.until("pong")
    await ann.tell(type="redraw")
    await fakes.terminals[0].until(lambda: fakes.terminals[0].redrawn == [Size(24, 80)])
    assert not fakes.terminals[1].redrawn
