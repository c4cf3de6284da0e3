"""The screen after a reload is the screen before, cell by cell: characters, colours, attributes, cursor, modes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.terminals import BOX, Terminal, differences, open_shell, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

# What is on the screen, what a line of it is like once all of it is there, and what ends it. Each leaves something that
# text alone does not tell.
ATTRIBUTES = (
    r"printf '\e[1mbold\e[0m \e[3;4:3;58:2::255:100:0mcurly\e[0m \e[38;2;10;200;30;48;5;52mtrue\e[0m "
    r"\e]8;;https://example.org\e\\link\e]8;;\e\\ \e[7minverse\e[0m \e[9mstruck\e[0m 漢字 👩‍👩‍👧 é\n'; "
    r"printf '\e[5;12r\e[6;3H\e[33;44m\e7\e[2;2H\e(0lqk\e(B\e[?25l\e[3g\e[8;10H\eH\e[?1h\e[4l\e[35mpen'; read -r"
)
PROGRAMS: dict[str, tuple[str, str, list[str]]] = {
    "attributes": (ATTRIBUTES, r"^ {9}pen$", ["\r"]),
    "vim": ("vim -u NONE -c 'set number hlsearch' -c '/daemon' /etc/passwd", "^ +2 daemon:", ["\x1b", ":q!\r"]),
    "less": ("seq 500 | less -N +200", "^ +200 200", ["q"]),
    "top": ("top -d 999", "PID USER", ["q"]),
    "python": ("python3 -q", "^>>>", ["exit()\r"]),
    "progress": (
        "python3 -c 'import time,sys;"
        '[(sys.stdout.write("\\r[%s%s] %d%%" % ("#"*(i//5), "."*(20-i//5), i)), sys.stdout.flush(), time.sleep(.003))'
        " for i in range(61)]; input()'",
        "60%$",
        ["\r"],
    ),
    "tmux": (
        "tmux -f /dev/null new-session 'printf left; exec cat' \\; split-window -h 'printf right; exec cat'",
        "^left.*right",
        ["\x04", "\x04"],
    ),
}
CURSES = (
    r"python3 -c $'import curses\ndef main(screen):\n"
    r" curses.start_color(); curses.init_pair(1, 3, 4); screen.border(); screen.keypad(True)\n"
    r" screen.addstr(2, 4, \"colours\", curses.color_pair(1) | curses.A_BOLD); screen.addch(3, 4, curses.ACS_DIAMOND)\n"
    r" screen.refresh(); screen.getch()\ncurses.wrapper(main)'"
)


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with one sandbox."""
    site = seats.make()
    with site.client() as client:
        client.create_template(name="host", image="host")
        client.create_sandbox(template_name="host", name=BOX)
    yield site
    seats.remove(site)


async def test_it_works(page_as: Pages) -> None:
    """Every program in turn, in one shell: what is above it is compared too."""
    terminal = await open_shell(page_as)
    for name, (command, ready, leave) in {**PROGRAMS, "curses": (CURSES, "^. {3}colours", ["q"])}.items():
        await terminal.run("clear" if name == "attributes" else f"echo {name}")
        await terminal.until_quiet()
        await terminal.run(f"{command}; echo left {name}")
        await terminal.until(lambda lines, ready=ready: any(re.search(ready, line) for line in lines))  # type: ignore[misc]
        before = await terminal.state()
        await terminal.come_back()
        assert await terminal.page.evaluate("__terminal.pane.restored"), name
        after = await terminal.state()
        assert not differences(before, after), f"{name}:\n" + "\n".join(differences(before, after))
        for keys in leave:
            await terminal.page.evaluate("(keys) => __terminal.pane.type(keys)", keys)
            await terminal.until_quiet()
        await terminal.until(lambda lines, name=name: any(line.endswith(f"left {name}") for line in lines))  # type: ignore[misc]
        if name == "attributes":
            await terminal.run("reset")


async def test_half_an_escape_sequence_goes_on_after_the_reload(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    await terminal.run(r"clear; printf 'a\e[1;3'; read -rs; printf '1mred\e[0m\n'")
    await terminal.until_true("__terminal.terminal._core._inputHandler._parser.currentState !== 0")
    before = await terminal.state()
    await terminal.come_back()
    after = await terminal.state()
    assert not differences(before, after)
    await terminal.page.keyboard.press("Enter")
    await terminal.until_line("ared")
    cell = await terminal.page.evaluate(
        """() => {
          const buffer = __terminal.terminal.buffer.active;
          for (let row = 0; row < buffer.length; row += 1) {
            if (buffer.getLine(row).translateToString(true) !== "ared") continue;
            const cell = buffer.getLine(row).getCell(1);
            return [cell.isBold() !== 0, cell.getFgColor()];
          }
        }"""
    )
    assert cell == [True, 1]


async def test_half_an_emoji_is_whole_after_the_reload(page_as: Pages) -> None:
    """Cut within its bytes, and between the two people of a family."""
    terminal = await open_shell(page_as)
    await terminal.run(
        r"clear; printf 'x\xf0\x9f'; read -rs; printf '\x99\x82👩\xe2\x80\x8d'; read -rs; printf '👩|\n'"
    )
    await terminal.until(lambda lines: "x" in lines)
    await terminal.come_back()
    await terminal.page.keyboard.press("Enter")
    await terminal.until(lambda lines: any(line.startswith("x🙂👩") for line in lines))
    before = await terminal.state()
    await terminal.come_back()
    assert not differences(before, await terminal.state())
    await terminal.page.keyboard.press("Enter")
    await terminal.until_line("x🙂👩‍👩|")
    widths = await terminal.page.evaluate(
        """() => {
          const buffer = __terminal.terminal.buffer.active;
          for (let row = 0; row < buffer.length; row += 1) {
            const line = buffer.getLine(row);
            if (!line.translateToString(true).endsWith("|")) continue;
            return [1, 3, 5].map((column) => line.getCell(column).getChars());
          }
        }"""
    )
    assert widths == ["🙂", "👩‍👩", "|"]


async def test_ten_thousand_lines_come_back_without_being_sent_again(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    await terminal.run("clear; seq 12000 | sed 's/7/\\x1b[31m7\\x1b[0m/'; echo 'the-''end'")
    await terminal.until_last_rows_hold("the-end")
    await terminal.until_quiet()
    before = await terminal.state()
    await terminal.come_back()
    assert len(terminal.loads[-1].whole()) < 1000
    assert not differences(before, await terminal.state())


async def test_another_device_gets_the_buffer_and_a_full_screen_program_draws_itself(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    await terminal.run("clear; vim -u NONE /etc/passwd")
    await terminal.until(lambda lines: any("nobody" in line for line in lines))
    before = await terminal.state()
    other = await open_terminal(page_as, session=terminal.session)
    assert not await other.page.evaluate("__terminal.pane.restored")
    await other.until(lambda lines: any("nobody" in line for line in lines))
    after = await other.state()
    assert after["active"] == "alternate"
    # The last line held a message, which vim clears when it draws all anew.
    assert after["alternate"]["lines"][:-1] == before["alternate"]["lines"][:-1]
    await other.page.evaluate("__terminal.pane.type('\\x1b:q!\\r')")
    await other.until_true("__terminal.terminal.buffer.active.type === 'normal'")


async def test_a_line_says_how_much_is_missing(page_as: Pages) -> None:
    """A device that comes when the buffer no longer reaches back."""
    terminal = await open_shell(page_as)
    await terminal.run("clear; head -c 6000000 /dev/zero | tr '\\0' x | fold -w 100; echo; echo 'the-''end'")
    await terminal.until_last_rows_hold("the-end")
    other = await open_terminal(page_as, session=terminal.session)
    await other.until_last_rows_hold("the-end")
    missing = await other.page.evaluate("__terminal.feed.missing")
    assert missing > 1_500_000
    assert any(f"{missing:,} bytes of output are no longer kept" in line for line in (await other.lines())[:20]) or (
        len(await other.lines()) > 9_000
    ), "the line scrolls away where ten thousand others follow"


async def test_what_is_kept_is_forgotten_with_its_shell(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    await terminal.come_back()
    assert await kept(terminal)
    await terminal.run("exit")
    await terminal.until_state("ended")
    await terminal.until_true("__terminal.pane.memory.over")
    assert terminal.session not in await kept(terminal)


async def kept(terminal: Terminal) -> list[str]:
    """The shells whose screens this browser keeps."""
    keys: list[str] = await terminal.page.evaluate(
        """() => new Promise((resolve) => {
          const opening = indexedDB.open("console-terminals");
          opening.onsuccess = () => {
            const asked = opening.result.transaction("screens").objectStore("screens").getAllKeys();
            asked.onsuccess = () => resolve(asked.result.map((key) => key.split("/")[1]));
          };
        })"""
    )
    return keys
