"""The terminal in a real browser, on a real shell in a real sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import uuid
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

from sandboxcore import AsyncSandboxClient, ResourceAlreadyExistsError
from tests.chromium import CHROMIUM
from tests.e2e.screen import Screen
from tests.e2e.terminal_page import Load, TerminalPage
from tests.quiet_browser import quiet_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

    from tests.quiet_browser import QuietPage
    from tests.stack import Stack

pytestmark = pytest.mark.e2e

COUNT = 100_000
# Prints as fast as it can in bursts, and for some seconds, so that reloads fall in the middle.
COUNT_SLOWLY = f"import time; [(print(i), i % 1000 or time.sleep(.04)) for i in range(1, {COUNT + 1})]"
COUNTER = f"echo the-''begin; python3 -uc '{COUNT_SLOWLY}'; echo the-''end"


@pytest.fixture
async def sandbox(stack: Stack) -> AsyncIterator[str]:
    """The name of a fresh sandbox."""
    async with AsyncSandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        with contextlib.suppress(ResourceAlreadyExistsError):
            await client.create_template(name="terminal-tests", image="host")
        made = await client.create_sandbox(template_name="terminal-tests", name=f"term-{uuid.uuid4().hex[:8]}")
        yield made.name
        await client.delete_sandbox(made.name)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        yield browser
        await browser.close()


@pytest.fixture
async def terminal(browser: Browser, stack: Stack, sandbox: str) -> AsyncIterator[TerminalPage]:
    """An open terminal with a prompt. Fails if the page had an error, or broke its security policy."""
    context = await browser.new_context(viewport={"width": 1200, "height": 800})
    terminal = TerminalPage(await context.new_page(), stack)
    await terminal.sign_in()
    await terminal.open(sandbox)
    yield terminal
    assert not terminal.problems


async def test_it_works(terminal: TerminalPage) -> None:
    await terminal.run("python3 -c 'print(2+2)'")
    await terminal.until_line("4")


async def test_the_shell_is_a_login_shell_with_a_terminal(terminal: TerminalPage) -> None:
    await terminal.run("shopt -q login_shell && echo login=$TERM,$COLORTERM,$LANG,$(tty | cut -c1-9)")
    await terminal.until_line("login=xterm-256color,truecolor,C.UTF-8,/dev/pts/")


async def test_a_counter_survives_two_reloads(terminal: TerminalPage) -> None:
    address = terminal.page.url
    await terminal.run(COUNTER)
    for seen in (15_000, 50_000):
        await terminal.until(lambda lines, seen=seen: last_number(lines) > seen)  # type: ignore[misc]
        await terminal.reload()
    lines = await terminal.until(lambda lines: "the-end" in lines)
    assert terminal.page.url == address
    # Every byte, over three loads of the page: each goes on from what the one before had kept.
    printed = together(terminal.loads).split(b"the-begin")[1].split(b"the-end")[0]
    assert [int(number) for number in re.findall(rb"(\d+)\r\n", printed)] == list(range(1, COUNT + 1))
    assert_counted(lines)


async def test_a_cut_connection_comes_back_without_a_byte_lost(terminal: TerminalPage) -> None:
    await terminal.run(COUNTER)
    for seen in (15_000, 50_000):
        await terminal.until(lambda lines, seen=seen: last_number(lines) > seen)  # type: ignore[misc]
        await terminal.page.evaluate("__terminal.transport.socket.close(4999)")
    lines = await terminal.until(lambda lines: "the-end" in lines)
    load = terminal.loads[-1]
    assert load.sockets == 3
    assert await terminal.page.evaluate("__terminal.feed.drawn") == len(load.whole())
    printed = load.whole().split(b"the-begin")[1].split(b"the-end")[0]
    assert [int(number) for number in re.findall(rb"(\d+)\r\n", printed)] == list(range(1, COUNT + 1))
    assert_counted(lines)
    assert await terminal.page.evaluate("__terminal.feed.missing") == 0


async def test_typing_while_offline_arrives_once_when_the_network_returns(terminal: TerminalPage) -> None:
    context = terminal.page.context
    await context.set_offline(True)
    await terminal.page.evaluate("__terminal.transport.socket.close(4999)")
    await terminal.until_state("waiting")
    assert "Reconnecting" in await terminal.status()
    await terminal.run("echo once-$((40+2))")
    await context.set_offline(False)
    await terminal.until_state("connected")
    lines = await terminal.until(lambda lines: "once-42" in lines)
    assert lines.count("once-42") == 1


async def test_ctrl_c_interrupts_what_runs(terminal: TerminalPage) -> None:
    await terminal.run("sleep 1000; echo code=$?")
    await terminal.until(lambda lines: any("sleep 1000" in line for line in lines))
    await until_running(terminal, "sleep")
    await terminal.page.keyboard.press("Control+c")
    await terminal.run("echo after-$((1+1))")
    lines = await terminal.until(lambda lines: "after-2" in lines)
    assert any("^C" in line for line in lines), lines
    assert not any(line.startswith("code=") for line in lines), lines


async def test_the_size_follows_the_window(terminal: TerminalPage) -> None:
    for number, (width, height) in enumerate([(1200, 800), (900, 600), (1500, 900)]):
        await terminal.page.set_viewport_size({"width": width, "height": height})
        size = await settled_size(terminal)
        await terminal.run(f"echo {number}=$(stty size)")
        await terminal.until_line(f"{number}={size[0]} {size[1]}")


async def test_the_first_size_is_right_at_once(terminal: TerminalPage) -> None:
    """Nothing was resized since the shell started: bash knew its size from its start."""
    rows, cols = await settled_size(terminal)
    await terminal.run("echo $LINES,$COLUMNS")
    await terminal.until_line(f"{rows},{cols}")


async def test_a_page_that_comes_to_a_running_shell_brings_its_size(terminal: TerminalPage) -> None:
    address = terminal.page.url
    await terminal.page.goto("about:blank")
    await terminal.page.set_viewport_size({"width": 800, "height": 700})
    terminal.loads.append(Load())
    await terminal.page.goto(address)
    await terminal.until_state("connected")
    rows, cols = await settled_size(terminal)
    await terminal.run("stty size")
    await terminal.until_line(f"{rows} {cols}")


async def test_a_flood_ends_with_ctrl_c_and_a_live_prompt(terminal: TerminalPage) -> None:
    async with quiet_page(await terminal.page.context.cookies()) as page:
        address = terminal.page.url
        await terminal.page.goto("about:blank")
        await page.goto(address)
        screen = Screen(page)
        await screen.until_true("globalThis.__terminal?.transport?.open && __terminal.feed.settled")
        await screen.run("yes flood")
        await screen.until_true("__terminal.feed.drawn > 20e6", within=60)
        assert await turns_in_a_second(page) > 5, "the page must stay awake"
        await page.keyboard.press("Control+c")
        await screen.run("echo alive-$((6*7))")
        await screen.until_last_rows_hold("alive-42")


async def test_wide_characters_and_emoji(terminal: TerminalPage) -> None:
    await terminal.run("printf '%s|%s|%s|%s\\n' 漢字 🙂 👩‍👩‍👧 é")
    await terminal.until_line("漢字|🙂|👩‍👩‍👧|é")
    cells = await terminal.page.evaluate(
        """() => {
          const buffer = __terminal.terminal.buffer.active;
          for (let row = 0; row < buffer.length; row += 1) {
            const line = buffer.getLine(row);
            if (!line.translateToString(true).startsWith("漢字|🙂|")) continue;
            return [0, 2, 5].map((column) => line.getCell(column).getWidth());
          }
        }"""
    )
    assert cells == [2, 2, 2]


async def test_output_cut_inside_a_character_is_drawn_whole(terminal: TerminalPage) -> None:
    await terminal.run(
        "python3 -uc 'import os,time; [(os.write(1, bytes([b])), time.sleep(.01)) for b in \"🙂漢\".encode()]; print()'"
    )
    await terminal.until_line("🙂漢")


async def test_a_paste_of_a_megabyte_arrives_whole(terminal: TerminalPage) -> None:
    text = "".join(f"{number:063d}\n" for number in range(1 << 14))
    assert len(text) == 1 << 20
    await terminal.run(f"stty -echo; head -c {len(text)} | sha256sum; stty echo")
    await until_running(terminal, "head")
    await terminal.paste(text)
    await terminal.page.click("[data-paste-dialog] button[value=paste]")
    # What is pasted is typed: the terminal sends a carriage return for the end of a line, which the tty turns back.
    await terminal.until_line(f"{hashlib.sha256(text.encode()).hexdigest()}  -", within=60)
    await terminal.run("echo unharmed")
    await terminal.until_line("unharmed")


async def test_several_lines_at_a_bare_prompt_are_asked_about(terminal: TerminalPage) -> None:
    await terminal.run("bind 'set enable-bracketed-paste off'")
    await terminal.until(lambda lines: sum("bind" in line for line in lines) == 1)
    await terminal.until_true("!__terminal.terminal.modes.bracketedPasteMode")
    await terminal.paste("echo one-$((1))\necho two-$((2))\n")
    assert await terminal.page.inner_text("[data-paste-preview]") == "echo one-$((1))\necho two-$((2))"
    await terminal.page.click("[data-paste-dialog] button[value='']")
    await terminal.paste("echo three-$((3))\necho four-$((4))\n")
    await terminal.page.click("[data-paste-dialog] button[value=paste]")
    lines = await terminal.until(lambda lines: "four-4" in lines)
    assert "three-3" in lines
    assert "one-1" not in lines


async def test_a_second_tab_shows_the_same_shell(terminal: TerminalPage, stack: Stack) -> None:
    other = TerminalPage(await terminal.page.context.new_page(), stack)
    other.team = terminal.team
    await terminal.run("echo from-the-$((1))st")
    await terminal.until_line("from-the-1st")
    await other.open(terminal.page.url.split("/sandboxes/")[1].split("/")[0])
    assert other.page.url == terminal.page.url
    await other.until_line("from-the-1st")
    await other.run("echo from-the-$((2))nd")
    await terminal.until_line("from-the-2nd")
    assert not other.problems


async def test_a_replay_types_no_answers(terminal: TerminalPage) -> None:
    """The output asks the terminal who it is, where its cursor is and for its colours: answered once, never again."""
    await terminal.run(r"printf '\e[c\e[6n\e]11;?\a\e[?1004h\e[?1004l'; read -t 1 -n 200 -s answers; clear; echo ready")
    await terminal.until_line("ready")
    await terminal.reload()
    await terminal.until_line("ready")
    await terminal.run("echo typed-$((1+1))")
    lines = await terminal.until(lambda lines: "typed-2" in lines)
    assert len([line for line in lines if line]) == 4, lines


async def test_the_end_of_the_shell_is_told_and_another_started(terminal: TerminalPage) -> None:
    first = terminal.page.url
    await terminal.run("exit 3")
    await terminal.until_state("ended")
    assert "3" in await terminal.status()
    await terminal.page.click("text=Start a new shell")
    await terminal.page.wait_for_url(lambda url: url != first)
    await terminal.until_state("connected")


async def test_a_deleted_sandbox_is_gone(terminal: TerminalPage, stack: Stack, sandbox: str) -> None:
    terminal.asks_for_what_is_gone = True
    async with AsyncSandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        await client.delete_sandbox(sandbox)
        await terminal.until_state("gone")
        assert await terminal.status() == "The sandbox was deleted."
        # Another of the name is not the one that this shell ran in.
        await client.create_sandbox(template_name="terminal-tests", name=sandbox)
    response = await terminal.page.context.request.get(terminal.page.url)
    assert response.status == 404


def together(loads: list[Load]) -> bytes:
    """The output that several loads of the page received in turn, from the first byte; what overlaps is the same."""
    data = bytearray()
    for load in loads:
        part = load.whole()
        assert load.first <= len(data), "the page asked for less than it needs"
        known = data[load.first : load.first + len(part)]
        assert part[: len(known)] == known
        data[load.first :] = part if len(part) >= len(known) else data[load.first :]
    return bytes(data)


def assert_counted(lines: list[str]) -> None:
    """What the screen holds: the last ten thousand lines, each number once and in order."""
    numbers = [int(line) for line in lines if line.isdigit()]
    assert len(numbers) > 9_000
    assert numbers == list(range(COUNT + 1 - len(numbers), COUNT + 1))


def last_number(lines: list[str]) -> int:
    """The last number that stands alone on a line."""
    return next((int(line) for line in reversed(lines) if line.isdigit()), 0)


async def settled_size(terminal: TerminalPage) -> list[int]:
    """Rows and columns, when two frames have passed without a change and the shell was told."""
    size: list[int] = await terminal.page.evaluate(
        """async () => {
          const { terminal } = __terminal;
          const frame = () => new Promise(requestAnimationFrame);
          let before;
          do {
            before = [terminal.rows, terminal.cols];
            await new Promise((done) => setTimeout(done, 250));
            await frame();
          } while (before[0] !== terminal.rows || before[1] !== terminal.cols);
          return before;
        }"""
    )
    return size


async def turns_in_a_second(page: QuietPage) -> int:
    """How often the page got a turn while a second passed. (Frames depend on the machine's other work as well.)"""
    turns: int = await page.evaluate(
        """() => new Promise((done) => {
          let turns = 0;
          const end = performance.now() + 1000;
          const turn = () => { turns += 1; performance.now() < end ? setTimeout(turn) : done(turns); };
          turn();
        })"""
    )
    return turns


async def until_running(terminal: TerminalPage, program: str) -> None:
    """Wait until a program is in the foreground of the sandbox's terminal, asked beside it."""
    name = terminal.page.url.split("/sandboxes/")[1].split("/")[0]
    stack = terminal.stack
    async with AsyncSandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        sandbox = await client.get_sandbox(name)
        for _ in range(200):
            if (await sandbox.run(f"pgrep -x {program}")).success:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"{program} does not run")
