"""Commands in a browser: run, watch as they print, leave and come back, search, download, end."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits
from tests.e2e.screen import until_true
from tests.quiet_browser import quiet_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Locator, Page

    from sandboxcore import CommandHandle, Sandbox
    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

HOSTILE = (
    r"printf '<script>document.title=1</script>\033]0;t\007 \033[31mred\033[0m \342\200\256turned\n'; echo oops >&2"
)
# Where the box is scrolled to once the wheel's movement is over, in pixels.
AT_REST = """async (box) => {
  for (let before = NaN; before !== box.scrollTop; ) {
    before = box.scrollTop;
    await new Promise((done) => setTimeout(done, 200));
  }
  return box.scrollTop;
}"""
SLOW = "for i in $(seq 1 40); do echo line-$i-end; sleep 0.1; done"


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with one sandbox, ``box``."""
    site = seats.make()
    with site.client() as client:
        client.create_template("python", "host")
        client.create_sandbox("python", name="box", ttl_seconds=7200, idle_ttl_seconds=900)
    yield site
    seats.remove(site)


@pytest.fixture(scope="module")
def box(site: Site) -> Iterator[Sandbox]:
    """The sandbox, to a program."""
    with site.client() as client:
        yield client.get_sandbox("box")


def started(box: Sandbox, command: str) -> CommandHandle:
    """A command that nobody watches."""
    handle = box.run(command, wait=False, timeout=0, idle_timeout=-1, collect=False)
    handle.close()
    return handle


def output(page: Page) -> Locator:
    return page.get_by_role("log", name="Output of the command")


def path(handle: CommandHandle) -> str:
    return f"sandboxes/box/commands/{handle.command_id}/"


async def test_it_works(page_as: Pages) -> None:
    page = await page_as("member", "sandboxes/box/commands/")
    await page.get_by_label("Command", exact=True).fill("echo hello $WHO; sleep 1; echo done; exit 3")
    await page.get_by_text("Variables, folder, time limit").click()
    await page.get_by_label("Name of a variable").fill("WHO")
    await page.get_by_label("Its value").fill("<world>")
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(output(page)).to_contain_text("hello <world>")
    await expect(page.get_by_text("Ended with exit code 3")).to_be_visible()
    await expect(output(page)).to_contain_text("done")
    await expect(page.locator("#command-facts")).to_contain_text("failed")
    await expect(page.locator("#command-facts")).to_contain_text("member-")
    await expect(page.get_by_role("link", name="End", exact=True)).to_have_count(0)
    await page.get_by_role("link", name="Run again").click()
    await expect(page.get_by_label("Command", exact=True)).to_have_value(re.compile("^echo hello"))
    await expect(page.get_by_label("Name of a variable").first).to_have_value("WHO")


async def test_a_reload_in_the_middle_shows_every_line_once(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("viewer", path(started(box, SLOW)))
    await expect(output(page)).to_contain_text("line-5-end")
    await page.reload()
    await expect(page.get_by_text("Ended with exit code 0")).to_be_visible()
    lines = await output(page).locator(".output-text").all_inner_texts()
    assert lines == [f"line-{number}-end" for number in range(1, 41)]


async def test_a_connection_that_was_lost_goes_on_where_it_was(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("viewer", path(started(box, SLOW)))
    await expect(output(page)).to_contain_text("line-3-end")
    await page.context.set_offline(True)
    await page.evaluate("dispatchEvent(new Event('test'))")
    await page.context.set_offline(False)
    await expect(page.get_by_text("Ended with exit code 0")).to_be_visible()
    lines = await output(page).locator(".output-text").all_inner_texts()
    assert lines == [f"line-{number}-end" for number in range(1, 41)]


async def test_a_flood_leaves_the_page_awake(site: Site, box: Sandbox) -> None:
    handle = started(box, "yes a-flood-of-lines")
    async with quiet_page([site.cookie("owner")]) as page:
        await page.goto(site.url(path(handle)))
        await until_true(page, "document.querySelector('[data-note]')?.checkVisibility()")
        usual = await page.evaluate(
            """async () => {
                const laps = [];
                let last = performance.now();
                const end = last + 3000;
                while (last < end) {
                    await new Promise((done) => setTimeout(done));
                    laps.push(performance.now() - last);
                    last = performance.now();
                }
                return laps.sort((a, b) => a - b)[Math.floor(laps.length * 0.9)];
            }"""
        )
        assert usual < 500
        assert await page.evaluate("document.querySelectorAll('[role=log] .output-line').length") in range(1, 10_001)
        await page.evaluate("document.querySelector('[data-kill]').click()")
        await until_true(page, "document.querySelector('#dialog[open] form button')")
        await page.evaluate("document.querySelector('#dialog form button').click()")
        await until_true(page, "document.body?.innerText.includes('The command was ended.')")
        await until_true(page, "document.querySelector('#command-facts')?.innerText.includes('killed')")


async def test_letters_of_a_colour_each_take_bounded_room(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("member", path(started(box, "echo one")))
    await expect(output(page)).to_contain_text("one")
    kept = await page.evaluate(
        """async () => {
          const { name } = performance.getEntriesByType("resource").find((each) => /commands.lines/.test(each.name));
          const { Lines } = await import(name);
          const lines = new Lines();
          const line = "\\x1b[31mx\\x1b[32my".repeat(1000) + "\\n";
          for (let count = 0; count < 200; count += 1) lines.add("stdout", line);
          const pieces = lines.kept.map((line) => line.pieces.length);
          return {
            text: lines.text(lines.kept.at(-2)),
            most: Math.max(...pieces),
            all: pieces.reduce((sum, count) => sum + count, 0),
          };
        }"""
    )
    assert kept["text"] == "xy" * 1000
    assert kept["most"] <= 513
    assert 10_000 < kept["all"] <= 70_000


async def test_search_counts_and_goes_on(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("viewer", path(started(box, "seq 1 3000")))
    await expect(page.get_by_text("Ended with exit code 0")).to_be_visible()
    search = page.get_by_role("searchbox", name="Search in the output")
    await search.fill("299")
    found = page.locator("[data-found]")
    await expect(found).to_have_text("13 found")
    await search.press("Enter")
    await expect(found).to_have_text("1 of 13")
    await expect(output(page).locator(".output-current")).to_have_text("299")
    await expect(output(page).locator(".output-current")).to_be_in_viewport()
    await page.get_by_role("button", name="Previous match").click()
    await expect(found).to_have_text("13 of 13")
    await search.fill("nothing like it")
    await expect(found).to_have_text("none")


async def test_the_download_is_what_was_written(page_as: Pages, box: Sandbox) -> None:
    handle = started(box, "seq 1 200000; echo fault >&2")
    page = await page_as("viewer", path(handle))
    await expect(page.get_by_text("Ended with exit code 0")).to_be_visible()
    for name, wanted in (
        ("Standard output", "".join(f"{number}\n" for number in range(1, 200_001))),
        ("Standard error", "fault\n"),
    ):
        await page.get_by_role("button", name="Download").click()
        async with page.expect_download() as coming:
            await page.get_by_role("link", name=name).click()
        file = await (await coming.value).path()
        assert Path(file).read_text() == wanted  # noqa: ASYNC240 - a file that is there


async def test_hostile_output_is_only_shown(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("viewer", path(started(box, HOSTILE)))
    await expect(page.get_by_text("Ended with exit code 0")).to_be_visible()
    first = output(page).locator(".output-text").first
    await expect(first).to_have_text("<script>document.title=1</script>␛]0;t␇ red ◇turned")
    await expect(first.locator(".ansi-red-fg")).to_have_text("red")
    await expect(page).to_have_title("Command in box · Sandbox Console")
    await expect(output(page).locator(".output-err")).to_have_text("erroops")


async def test_following_and_leaving_the_end(page_as: Pages, box: Sandbox) -> None:
    handle = started(box, "seq 1 500; for i in $(seq 1 600); do echo more-$i; sleep 0.05; done")
    page = await page_as("viewer", path(handle))
    await expect(output(page)).to_contain_text("more-3")
    follow = page.get_by_role("button", name="Follow")
    await expect(follow).to_have_attribute("aria-pressed", "true")
    await output(page).hover()
    async with asyncio.timeout(30):
        # A wheel that turns while the page puts itself to the end moves nothing.
        while await follow.get_attribute("aria-pressed") != "false":
            await page.mouse.wheel(0, -2000)
            await asyncio.sleep(0.2)
    place = await output(page).evaluate(AT_REST)
    await expect(output(page)).to_contain_text("more-30")
    assert await output(page).evaluate("(box) => box.scrollTop") == place
    await follow.click()
    await expect(follow).to_have_attribute("aria-pressed", "true")
    handle.kill()


@pytest.mark.parametrize("what", ["commands/", "timeline/", "settings/", "", "commands/run"])
async def test_each_tab_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages, what: str) -> None:
    page = await page_as("owner", f"sandboxes/box/{what}")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("box")
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


async def test_a_commands_page_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages, box: Sandbox) -> None:
    colours = "".join(rf"\033[{number}m colour {number} \033[0m\n" for number in (*range(30, 38), *range(90, 98)))
    page = await page_as("owner", path(started(box, f"printf '{colours}'; {HOSTILE}")))
    await expect(page.get_by_text("Ended with exit code 0")).to_be_visible()
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


async def test_an_outsider_finds_nothing(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("outsider")
    handle = started(box, "true")
    for each in (path(handle), f"{path(handle)}output", "sandboxes/box/commands/", "sandboxes/box/timeline/"):
        answer = await page.goto(page_as.site.url(each))
        assert answer is not None
        assert answer.status == 404, each


async def test_a_viewer_is_offered_nothing_that_changes(page_as: Pages, box: Sandbox) -> None:
    page = await page_as("viewer", path(started(box, "sleep 60")))
    await expect(page.locator("[data-words]")).to_have_text("Live")
    for name in ("End", "Run again", "Settings"):
        await expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)


async def test_a_sandbox_that_ends_while_one_looks_says_so(page_as: Pages, site: Site) -> None:
    async with site.async_client() as client:
        await client.create_sandbox("python", name="short", ttl_seconds=7200)
        page = await page_as("viewer", "sandboxes/short/timeline/")
        await expect(page.get_by_role("heading", name="Why it is alive")).to_be_visible()
        await client.delete_sandbox("short")
    await expect(page.get_by_text("it was deleted")).to_be_visible()
    await page.get_by_role("link", name="See its history").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("short")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("ended")
    await axe(page)
    await page.goto(site.url("sandboxes/short/"))
    await expect(page).to_have_url(re.compile("/history/"))


async def test_an_hour_more_is_said_before_it_is_given(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "sandboxes/box/")
    await page.get_by_role("link", name="One hour more").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("With one hour more it ends")
    await axe(page)
    await dialog.get_by_role("button", name="One hour more").click()
    await expect(page.get_by_text("box has one hour more.")).to_be_visible()
    async with site.async_client() as client:
        assert (await client.get_sandbox("box")).ttl_seconds == 7200 + 3600


async def test_new_lifetimes_are_said_before_they_are_sent(page_as: Pages) -> None:
    page = await page_as("member", "sandboxes/box/settings/")
    await page.get_by_label("Stop when idle").select_option(label="Never")
    await expect(page.locator("[data-end]")).to_contain_text("With this: it ends on")
    await page.get_by_label("Lifetime", exact=True).select_option(label="Other: minutes of your own")
    await page.get_by_label("Lifetime in minutes").fill("600")
    await page.get_by_role("button", name="Change lifetimes").click()
    await expect(page.get_by_text("The lifetimes of box were changed.")).to_be_visible()
    await expect(page.get_by_label("Lifetime in minutes")).to_have_value("600")
