"""Tabs, panes, people, links and what programs say, on the terminal's page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits
from tests.browser.terminals import BOX, Terminal, open_shell, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

SIZE = "[__terminal.terminal.rows, __terminal.terminal.cols]"
# Asks for the clipboard, which is never answered, and then offers text for it.
COPY = "printf '\\e]52;c;?\\a\\e]52;c;%s\\a' \"$(printf 'from the sandbox' | base64)\""


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with one sandbox."""
    site = seats.make()
    with site.client() as client:
        client.create_template(name="host", image="host")
        client.create_sandbox(template_name="host", name=BOX, idle_ttl_seconds=3600)
    yield site
    seats.remove(site)


async def more(terminal: Terminal, action: str) -> None:
    """Do what the menu offers."""
    await terminal.page.click("[data-more] > button")
    await terminal.page.click(f"[data-more] [data-do={action}]")


async def test_it_works(page_as: Pages) -> None:
    """Tabs are named, moved, split, and all of it is there after a reload and on another device."""
    terminal = await open_shell(page_as, "owner")
    page = terminal.page
    tabs = page.locator("[data-tabs] [role=tab]")
    await expect(tabs).to_have_count(2)
    await more(terminal, "rename")
    await page.fill("[data-rename-dialog] input", "Build <b>")
    await page.press("[data-rename-dialog] input", "Enter")
    await expect(tabs.nth(1)).to_contain_text("Build <b>")
    await tabs.nth(1).focus()
    async with page.expect_response("**/layout"):
        await page.keyboard.press("Alt+Shift+ArrowLeft")
    await expect(tabs.nth(0)).to_contain_text("Build <b>")
    await expect(tabs.nth(0)).to_be_focused()
    await tabs.nth(0).click()
    async with page.expect_response("**/layout"):
        await more(terminal, "split-column")
    await expect(page.locator(".terminal-panel.active .terminal-pane")).to_have_count(2)
    await terminal.until_state("connected")
    await axe(page)
    await terminal.reload()
    await expect(page.locator(".terminal-panel.active.terminal-column .terminal-pane")).to_have_count(2)
    await expect(tabs).to_have_count(2)
    # A tab has the name of the pane that was chosen last.
    await expect(tabs.nth(0)).to_contain_text("Shell 3")
    await page.locator(".terminal-panel.active .terminal-pane").first.click()
    await expect(tabs.nth(0)).to_contain_text("Build <b>")
    other = await open_terminal(page_as, "owner", width=360, height=700, has_touch=True)
    await expect(other.page.locator("[data-tabs] [role=tab]")).to_have_count(2)
    await fits(other.page)


async def test_keys_for_touch_screens_type(page_as: Pages) -> None:
    terminal = await open_shell(page_as, "admin")
    await terminal.page.evaluate("document.querySelector('[data-keys]').style.display = 'flex'")
    await terminal.start("cat -v")
    for key in ("escape", "up", "tab"):
        await terminal.page.click(f"[data-key={key}]")
    await terminal.until(lambda lines: any("^[^[[A" in line for line in lines))
    await terminal.page.click("[data-key=control]")
    await terminal.page.keyboard.press("c")
    await terminal.until(lambda lines: any("^C" in line for line in lines))
    await terminal.until_true("__terminal.pane.control === false")
    assert await terminal.page.get_attribute("[data-key=control]", "aria-pressed") == "false"


async def test_what_programs_say_is_shown_as_text(page_as: Pages) -> None:
    """Title and folder with markup and control characters, a bell in a tab that nobody looks at."""
    terminal = await open_shell(page_as)
    page = terminal.page
    await terminal.run(r"mkdir -p '/tmp/<img src=x>'; cd '/tmp/<img src=x>'; printf '\e]2;<script>\u202eevil\a'")
    active = page.locator("[data-tab-item].active")
    await expect(active.locator("[data-tab-name]")).to_have_text("<script>\ufffdevil")
    await expect(active.locator("[data-tab-folder]")).to_have_text("/tmp/<img src=x>")
    first = terminal.session
    await terminal.run(r"(sleep 1.5; printf '\a') &")
    await page.locator("[data-tabs] [role=tab]").first.click()
    await expect(page.locator(f"#tab-{first} [data-tab-bell]")).to_be_visible()
    await page.click(f"#tab-{first}")
    await expect(page.locator(f"#tab-{first} [data-tab-bell]")).to_be_hidden()


async def test_the_clipboard_is_a_programs_only_after_asking(page_as: Pages) -> None:
    terminal = await open_shell(page_as, permissions=["clipboard-read", "clipboard-write"])
    page = terminal.page
    await page.evaluate("navigator.clipboard.writeText('before')")
    await terminal.run(COPY)
    await expect(page.locator("[data-copy-dialog]")).to_be_visible()
    await expect(page.locator("[data-copy-preview]")).to_have_text("from the sandbox")
    await page.click("[data-copy-dialog] button[value='']")
    assert await page.evaluate("navigator.clipboard.readText()") == "before"
    await terminal.run(COPY)
    await page.click("[data-copy-dialog] button[value=copy]")
    await terminal.until_true("navigator.clipboard.readText().then((text) => text === 'from the sandbox')")


async def until_same_size(one: Terminal, other: Terminal) -> None:
    """Who looks sees the size of who types, as soon as that has gone round."""
    async with asyncio.timeout(30):
        while await one.page.evaluate(SIZE) != await other.page.evaluate(SIZE):
            await asyncio.sleep(0.05)


async def test_two_people_pass_the_keyboard(page_as: Pages) -> None:
    ann = await open_shell(page_as, "owner")
    bob = await open_terminal(page_as, "member", ann.session, width=900, height=600)
    await expect(bob.page.locator("[data-keyboard]")).to_contain_text("has the keyboard")
    await until_same_size(ann, bob)
    await bob.page.evaluate("__terminal.pane.type('lost')")
    await expect(bob.page.locator("[data-note]")).to_contain_text("dropped")
    await axe(bob.page)
    await bob.page.click("[data-keyboard-take]")
    await expect(bob.page.locator("[data-keyboard]")).to_be_hidden()
    await expect(ann.page.locator("[data-keyboard]")).to_be_visible()
    await bob.page.locator(".xterm-helper-textarea").last.focus()
    await bob.run("echo from-$((1+1))")
    await ann.until_line("from-2")
    size = await bob.page.evaluate(f"{SIZE}.join(' ')")
    await bob.run(f"until [ \"$(stty size)\" = '{size}' ]; do sleep 0.05; done; echo as-large-as-$((1+1))")
    await ann.until_line("as-large-as-2")
    await until_same_size(ann, bob)
    await bob.page.click("[data-people] > button")
    await bob.page.click("[data-people-list] [data-give]:visible")
    await expect(ann.page.locator("[data-keyboard]")).to_be_hidden()
    await expect(ann.page.locator("[data-people-count]")).to_have_text("2")
    assert not any("lost" in line for line in await ann.lines())


async def test_a_viewer_sees_and_has_nothing_to_type_with(page_as: Pages) -> None:
    member = await open_shell(page_as)
    viewer = await open_terminal(page_as, "viewer", member.session)
    await expect(viewer.page.locator("[data-status-words]")).to_have_text("Connected, read-only")
    await member.run("echo seen-$((2+2))")
    await viewer.until_line("seen-4")
    await expect(viewer.page.locator(".terminal-tabs [data-do=new]")).to_have_count(0)
    await expect(viewer.page.locator("[data-keyboard-take]")).to_be_hidden()
    await axe(viewer.page)


async def test_a_link_shows_the_terminal_alone_until_it_is_withdrawn(page_as: Pages) -> None:
    member = await open_shell(page_as)
    page = member.page
    await member.run("echo shown-$((3+3))")
    await member.until_line("shown-6")
    await more(member, "share")
    await page.click("[data-link-make]")
    await expect(page.locator("[data-link-made]")).to_be_visible()
    await axe(page)
    url = await page.input_value("#terminal-link")
    guest = Terminal(await page_as("nobody"), page_as.site)
    await guest.page.goto(url)
    await guest.until_state("connected")
    await guest.until_line("shown-6")
    await expect(guest.page.locator("nav, [data-tabs]")).to_have_count(0)
    await axe(guest.page)
    await expect(page.locator("[data-people]")).to_contain_text("2")
    await page.click("[data-link-list] [data-revoke]")
    await expect(page.locator("[data-link-none]")).to_be_visible()
    await guest.until_state("expired")
    await guest.page.reload()
    await expect(guest.page.get_by_role("heading", name="This link does not work")).to_be_visible()


async def test_closing_asks_what_runs_and_keeps_or_ends_it(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    page = terminal.page
    session = terminal.session
    await terminal.run("sleep 1234")
    await until_runs(page_as.site, "sleep 1234")
    await more(terminal, "close")
    await expect(page.locator("[data-close-running]")).to_contain_text("sleep 1234")
    await expect(page.locator("[data-close-dialog]")).to_contain_text("60 minutes")
    await axe(page)
    await page.click("[data-close-dialog] button[value=keep]")
    await expect(page.locator("[data-note]")).to_contain_text("goes on")
    await page.click("[data-more] > button")
    await page.click("[data-running-list] button >> nth=-1")
    await page.wait_for_url(f"**/{session}/")
    await terminal.until(lambda lines: any("sleep 1234" in line for line in lines))
    await more(terminal, "close")
    await expect(page.locator("[data-close-running]")).to_contain_text("sleep 1234")
    await page.click("[data-close-dialog] button[value=end]")
    await page.wait_for_url(lambda url: session not in url)
    await until_runs(page_as.site, "sleep 1234", wanted=False)


async def test_settings_hold_for_every_terminal_of_the_browser(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    page = terminal.page
    await page.click("[data-more] > button")
    await page.click("[data-settings-open]")
    await page.select_option("#terminal-theme", "contrast")
    await page.check("[data-settings-dialog] [name=screenReader]")
    await axe(page)
    await page.click("[data-settings-dialog] button")
    await page.click("[data-do=larger]")
    await terminal.reload()
    await terminal.until_true(
        "__terminal.terminal.options.fontSize === 15 && __terminal.terminal.options.screenReaderMode"
        " && __terminal.terminal.options.theme.background === '#000000'"
    )


async def test_what_the_terminal_shows_can_be_downloaded(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    await terminal.run("seq 3000; echo 'the-''end'")
    await terminal.until_line("the-end")
    async with terminal.page.expect_download() as caught:
        await more(terminal, "download")
    download = await caught.value
    assert download.suggested_filename.startswith("box-")
    path = await download.path()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.isdigit()] == [str(number) for number in range(1, 3001)]


async def test_composed_characters_are_typed_once(page_as: Pages) -> None:
    terminal = await open_shell(page_as)
    await terminal.start("cat")
    session = await terminal.page.context.new_cdp_session(terminal.page)
    for text in ("に", "にほ", "日本"):
        await session.send(
            "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
        )
    await session.send("Input.insertText", {"text": "日本"})
    await terminal.page.keyboard.press("Enter")
    await terminal.until(lambda lines: lines.count("日本") == 2)


async def until_runs(site: Site, command: str, *, wanted: bool = True) -> None:
    """Wait until such a process runs in the sandbox, or none does."""
    async with asyncio.timeout(30), site.async_client() as client:
        sandbox = await client.get_sandbox(BOX)
        while any(command in each.command for each in await sandbox.processes()) != wanted:
            await asyncio.sleep(0.1)
