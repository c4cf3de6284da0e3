"""The charts of a sandbox: they draw what was measured, for eyes, keys and readers of text."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Locator, Page

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

pytestmark = pytest.mark.kernel
PATH = "sandboxes/alpha/metrics/"
TITLES = ("Processor", "Memory", "Disk", "Processes", "Network")
MEASURED = 30_000
"""Milliseconds within which what happens now is among the readings."""
EAT = "python3 -c 'x = bytearray(256 * 2**20)'"
# Pixels of the canvas, by colour, that are neither clear nor of text and grid: those of the line and what is below it.
PAINTED = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const wanted = getComputedStyle(canvas.closest("figure")).getPropertyValue("--chart-1").trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    const near = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue) < 24;
    count += near && data[at + 3] > 200;
  }
  return count;
}"""


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with a sandbox that has too little memory for what was tried in it."""
    site = seats.make()
    with site.client() as client:
        client.create_template("small", "host", cpu="100m", memory="64Mi")
        sandbox = client.create_sandbox("small", name="alpha")
        client.create_sandbox("small", name="renamed")
        assert sandbox.run(EAT, timeout=30).exit_code != 0
        sandbox.run("sleep 1000", timeout=0, wait=False)
    yield site
    seats.remove(site)


def chart(page: Page, title: str) -> Locator:
    return page.get_by_role("figure", name=title, exact=True)


async def drawn(page: Page) -> None:
    """Wait until there are readings to draw."""
    await expect(chart(page, "Memory").locator("[data-chart-value]")).to_have_text(re.compile(r"\d"), timeout=MEASURED)


def written(value: int) -> str:
    """Bytes as a chart writes them."""
    size, unit = float(value), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):  # noqa: B007  # the last one tried is the one
        if size < 1024:
            break
        size /= 1024
    digits = 0 if unit == "B" or size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{float(f'{size:.{digits}f}'):g} {unit}"


async def test_it_works(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", PATH)
    await expect(page.get_by_role("figure")).to_have_count(len(TITLES))
    await drawn(page)
    # The last point changes until its time is over, and the page asks again every ten seconds.
    async with asyncio.timeout(MEASURED / 1000):
        while not await _agrees(page, site):
            await asyncio.sleep(0.2)


async def _agrees(page: Page, site: Site) -> bool:
    """Whether what the charts show is among what the API tells."""
    async with site.async_client() as client:
        points = (await client.get_sandbox_metrics("alpha")).points
    memory = await chart(page, "Memory").locator("[data-chart-value]").inner_text()
    processes = await chart(page, "Processes").locator("[data-chart-value]").inner_text()
    return memory in {written(point.memory_bytes or 0) for point in points} and processes in {
        str(point.pids) for point in points
    }


async def test_the_lines_are_painted_in_both_themes(page_as: Pages) -> None:
    page = await page_as("viewer", PATH)
    await drawn(page)
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        await page.locator(f"html[data-bs-theme={theme}]").wait_for(state="attached")
        await page.wait_for_function(f"(canvas) => ({PAINTED})(canvas) > 0", arg=await _canvas(page, "Memory"))


async def _canvas(page: Page, title: str) -> Any:
    return await chart(page, title).locator("canvas").element_handle()


async def test_running_out_of_memory_is_told(page_as: Pages) -> None:
    page = await page_as("viewer", PATH)
    await expect(page.get_by_text("It ran out of memory.")).to_be_visible(timeout=MEASURED)
    await expect(chart(page, "Memory").locator("[data-chart-summary]")).to_contain_text("Something was killed for want")
    await expect(chart(page, "Memory").locator("[data-chart-summary]")).to_contain_text("of 64 MiB")


async def test_the_arrow_keys_go_through_the_points(page_as: Pages) -> None:
    page = await page_as("viewer", PATH)
    await drawn(page)
    slider = chart(page, "Processes").get_by_role("slider")
    await expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^now: Running \d+$"))
    await slider.focus()
    await slider.press("Home")
    await expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d: Running \d+$"))
    await expect(slider).to_have_attribute("aria-valuenow", "0")
    await slider.press("Escape")
    await expect(slider).to_have_attribute("aria-valuetext", re.compile("^now"))


async def test_the_points_are_there_as_a_table(page_as: Pages) -> None:
    page = await page_as("viewer", PATH)
    await drawn(page)
    figure = chart(page, "Memory")
    await figure.get_by_text("As a table").click()
    newest = figure.get_by_role("row").nth(1)
    await expect(newest.get_by_role("cell").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    await expect(newest.get_by_role("cell")).to_have_count(3)


async def test_another_range_keeps_the_page_and_goes_into_the_address(page_as: Pages) -> None:
    page = await page_as("viewer", PATH)
    await drawn(page)
    await page.evaluate("window.stayed = true")
    await page.get_by_role("link", name="6 h").click()
    await expect(page).to_have_url(re.compile(r"/metrics/\?range=6h$"))
    await expect(page.get_by_role("link", name="6 h")).to_have_attribute("aria-current", "true")
    await drawn(page)
    assert await page.evaluate("window.stayed")


async def test_a_server_that_does_not_answer_is_said_and_tried_again(page_as: Pages) -> None:
    page = await page_as("viewer")
    refuse = True

    async def played(route: Any) -> None:
        if refuse:
            await route.fulfill(status=502, json={"problem": "The sandbox server is ill <b>today</b>"})
        else:
            await route.continue_()

    await page.route("**/metrics/data**", played)
    await page.goto(page_as.site.url(PATH))
    note = chart(page, "Memory").get_by_role("status")
    await expect(note).to_have_text("The sandbox server is ill <b>today</b>")
    refuse = False
    await page.get_by_role("link", name="1 h").click()
    await expect(note).to_be_hidden()


async def test_nothing_moves_when_the_charts_come(page_as: Pages) -> None:
    page = await page_as("viewer")
    await page.route("**/metrics/data**", lambda route: route.abort())
    await page.goto(page_as.site.url(PATH))
    before = [await chart(page, title).bounding_box() for title in TITLES[:2]]
    await page.unroute("**/metrics/data**")
    await page.get_by_role("link", name="1 h").click()
    await drawn(page)
    after = [await chart(page, title).bounding_box() for title in TITLES[:2]]
    assert [box and box["height"] for box in before] == [box and box["height"] for box in after]


async def test_a_rename_and_an_end_leave_what_was_read(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", "sandboxes/renamed/metrics/")
    await drawn(page)
    async with site.async_client() as client:
        await client.delete_sandbox("renamed")
    await expect(page.get_by_text("It has ended. What was read until then stays")).to_be_visible()
    await page.get_by_role("link", name="1 h").click()
    await drawn(page)
    await expect(chart(page, "Memory").get_by_role("status")).to_be_hidden()


async def test_what_one_used_is_shown_after_its_end(page_as: Pages, site: Site) -> None:
    async with site.async_client() as client:
        past = next(iter(await client.list_history(name="renamed")))
    page = await page_as("viewer", f"history/{past.id}/")
    summary = chart(page, "Memory").locator("[data-chart-summary]")
    await expect(summary).to_have_text(re.compile("^In the end .* of 64 MiB"))
    await axe(page)


async def test_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages) -> None:
    page = await page_as("member", PATH)
    await drawn(page)
    await chart(page, "Memory").get_by_text("As a table").click()
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


async def test_an_outsider_finds_nothing(page_as: Pages) -> None:
    page = await page_as("outsider")
    for path in (PATH, f"{PATH}data"):
        answer = await page.goto(page_as.site.url(path))
        assert answer is not None
        assert answer.status == 404
