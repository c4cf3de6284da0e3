"""Floods, pastes and lost connections: nothing freezes, nothing is lost, nothing is typed twice."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from dashboard.terminals.protocol import OUTPUT_WINDOW
from tests.browser.terminals import BOX, open_shell
from tests.e2e.screen import Screen, until_true
from tests.quiet_browser import quiet_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site
    from tests.stack import Stack

# Bytes of output that were drawn from the key to the prompt as it stands on the screen. The page is busy for a second
# before, so that the shell is far ahead of it.
INTERRUPT = """() => new Promise((done) => {
  for (const began = performance.now(); performance.now() < began + 1000;);
  const { feed } = __terminal;
  const shown = () => feed.drawn - feed.missing;
  const before = shown();
  const prompt = () => {
    const buffer = __terminal.terminal.buffer.active;
    const line = buffer.getLine(buffer.baseY + buffer.cursorY)?.translateToString(true) ?? "";
    if (/[#$] ?$/.test(line)) done(shown() - before);
    else setTimeout(prompt, 2);
  };
  __terminal.pane.type("\\x03");
  prompt();
})"""
PASTE = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with one sandbox."""
    site = seats.make()
    with site.client() as client:
        client.create_template(name="host", image="host")
        client.create_sandbox(template_name="host", name=BOX)
    yield site
    seats.remove(site)


async def test_ctrl_c_under_a_flood_gives_the_prompt_at_once(page_as: Pages, site: Site) -> None:
    address = (await open_shell(page_as)).page.url
    await page_as.close()
    async with quiet_page([site.cookie("member")]) as page:
        await page.goto(address)
        await until_true(page, "globalThis.__terminal?.transport?.open && __terminal.pane?.leads")
        terminal = Screen(page)
        for _ in range(5):
            before = await page.evaluate("__terminal.feed.drawn")
            await terminal.run("yes some words that fill a line")
            await until_true(page, "(least) => __terminal.feed.drawn > least", before + 2_000_000)
            assert await page.evaluate(INTERRUPT) <= 2 * OUTPUT_WINDOW
        await terminal.run("echo alive-$((6*7))")
        await terminal.until_last_rows_hold("alive-42")
        assert any("were passed over" in line for line in await terminal.lines())
        assert await page.evaluate("__terminal.feed.missing > 0")


async def test_at_rest_nothing_on_the_page_moves(page_as: Pages) -> None:
    """Where a frame is always due, as by a cursor that blinks, Chromium lets each echo wait for it."""
    terminal = await open_shell(page_as)
    await terminal.run("echo at-''rest")
    await terminal.until_line("at-rest")
    await terminal.until_quiet()
    await terminal.until_true("document.getAnimations().length === 0")
    assert await terminal.page.evaluate("Boolean(document.activeElement.closest('.xterm.focus'))")


async def test_a_paste_of_ten_megabytes_arrives_whole_and_once_over_lost_connections(page_as: Pages) -> None:
    text = "".join(f"{number:063d}\n" for number in range(PASTE // 64))
    terminal = await open_shell(page_as)
    await terminal.run(f"stty -echo; echo rea''dy; head -c {PASTE} | sha256sum; stty echo")
    await terminal.until_line("ready")
    await terminal.until_true("!__terminal.terminal.modes.bracketedPasteMode")
    await terminal.paste(text)
    await terminal.page.click("[data-paste-dialog] button[value=paste]")
    for done in (2, 5):
        await terminal.until_true("(taken) => __terminal.transport.input.start > taken", done * 1024 * 1024, within=60)
        await terminal.page.evaluate("__terminal.transport.socket.close(4999)")
        await terminal.until_true("__terminal.transport.open")
    await terminal.until_line(f"{hashlib.sha256(text.encode()).hexdigest()}  -", within=60)
    assert await terminal.page.evaluate("__terminal.transport.loads") == 3


@pytest.mark.parametrize("service", ["console", "sandboxd"])
async def test_typing_arrives_once_though_a_server_is_killed(page_as: Pages, stack: Stack, service: str) -> None:
    terminal = await open_shell(page_as)
    await terminal.run("stty -echo")
    await terminal.start("cat -n")
    numbers = range(1, 41)
    for number in numbers:
        await terminal.run(f"line-{number}")
        if number == 10:
            stack.kill(service)
    wanted = [f"{number:6d}\tline-{number}".expandtabs(8) for number in numbers]
    await terminal.until(lambda lines: wanted[-1] in [line.expandtabs(8) for line in lines], within=60)
    printed = [line for line in await terminal.lines() if line.strip().startswith(tuple("123456789"))]
    assert [line.expandtabs(8) for line in printed] == wanted
    await terminal.until_state("connected")
    await terminal.until_true("__terminal.transport.input.waiting === 0")


async def test_a_page_that_draws_slowly_loses_nothing_to_others(page_as: Pages) -> None:
    """One page is kept from drawing; the other sees all of a flood's end, and the slow one is moved on with a line."""
    quick = await open_shell(page_as)
    slow = await open_shell(page_as)
    await slow.page.goto(quick.page.url)
    await slow.until_true("__terminal.transport?.open && __terminal.feed.drawn > 0")
    await slow.until_live()
    await slow.page.evaluate(
        """() => {
          const { feed } = __terminal;
          const write = feed.write;
          feed.undrawn = [];
          feed.write = (bytes, done) => feed.undrawn.push(() => write(bytes, done));
          feed.letGo = () => { feed.write = write; feed.undrawn.splice(0).forEach((draw) => draw()); };
        }"""
    )
    await quick.page.bring_to_front()
    await quick.run("seq 1200000; echo 'the-''end'")
    await quick.until_last_rows_hold("the-end", within=60)
    assert await slow.page.evaluate("__terminal.feed.behind") <= 256 * 1024 + 64 * 1024
    await slow.page.evaluate("__terminal.feed.letGo()")
    await slow.until_last_rows_hold("the-end", within=60)
    assert await slow.page.evaluate("__terminal.feed.missing") > 0
