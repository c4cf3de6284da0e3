"""Lists in a browser: keys, selections over pages, many rows at once, rows that change by themselves."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.pages import axe, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Page, Route

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

MANY = 60
NEVER_READY = "docker.invalid/no-such-image"
"""Sandboxes of it fail at once: rows that cost nothing."""


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with sixty sandboxes, none of which runs."""
    site = seats.make()
    with site.client() as client:
        client.create_template(name="absent", image=NEVER_READY, cpu="100m", memory="64Mi")
        client.create_template(name="empty", image=NEVER_READY, cpu="100m", memory="64Mi")
        for number in range(MANY):
            client.create_sandbox(template_name="absent", name=f"box-{number:02}", wait_for_ready=False)
    yield site
    seats.remove(site)


@pytest_asyncio.fixture(loop_scope="session")
async def listed(page_as: Pages) -> Page:
    """The list, by name, as a member."""
    page = await page_as("member", "sandboxes/?sort=name&size=25")
    await expect(page.locator(".list-count")).to_contain_text("of 60 sandboxes")
    return page


def row(page: Page, name: str) -> str:
    return f'tr[data-label="{name}"]'


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.closest('tr')?.dataset.label ?? document.activeElement.id"))


async def test_it_works(page_as: Pages) -> None:
    page = await page_as("viewer", "sandboxes/?sort=name&size=25")
    await expect(page.get_by_role("link", name="box-00", exact=True)).to_be_visible()
    await expect(page.get_by_role("checkbox")).to_have_count(0)
    await axe(page)


@pytest.mark.parametrize("path", ["sandboxes/", "sandboxes/?q=nothing-like-it", "history/", "activity/"])
async def test_every_list_stands_up_to_axe_and_fits_a_phone(page_as: Pages, path: str) -> None:
    page = await page_as("owner", path, width=360)
    await fits(page)
    await axe(page)


async def test_who_is_of_another_team_sees_none(page_as: Pages) -> None:
    page = await page_as("outsider", "sandboxes/")
    await expect(page.get_by_text("box-00")).to_have_count(0)


async def test_a_phone_sorts_and_selects_the_page_without_headings(page_as: Pages) -> None:
    page = await page_as("member", "sandboxes/?sort=name&size=25", width=360)
    order = page.get_by_label("Sort by")
    await expect(order).to_have_value("name")
    await order.select_option(label="Name ↓")
    await expect(page.locator("tr[data-key]").first).to_have_attribute("data-label", "box-59")
    assert "sort=-name" in page.url
    await page.get_by_label("Select page").check()
    await expect(page.locator("[data-selected-words]")).to_have_text("25 selected")
    await fits(page)


async def test_without_script_a_phone_sorts_too(page_as: Pages) -> None:
    page = await page_as("member", "sandboxes/?sort=name", width=360, java_script_enabled=False)
    await page.get_by_label("Sort by").select_option("-name")
    await page.get_by_role("button", name="Sort").click()
    await expect(page.locator("tr[data-key]").first).to_have_attribute("data-label", "box-59")


@pytest.mark.parametrize("width", [768, 1024, 1280, 1920, 3840])
async def test_no_table_is_wider_than_its_card(page_as: Pages, width: int) -> None:
    for path in ("sandboxes/", "templates/", "history/", "activity/"):
        page = await page_as("member", path, width=width)
        await fits(page)
        table = page.locator(".table-responsive")
        if await table.count():
            assert await table.first.evaluate("(each) => each.scrollWidth <= each.clientWidth"), (path, width)


async def test_keys(listed: Page) -> None:
    for key in ("j", "j", "j", "k"):
        await listed.keyboard.press(key)
    assert await focused(listed) == "box-01"
    await listed.keyboard.press("x")
    await expect(listed.locator(row(listed, "box-01")).get_by_role("checkbox")).to_be_checked()
    assert await focused(listed) == "box-01"
    await listed.keyboard.press("/")
    assert await focused(listed) == "q"
    await listed.keyboard.type("box-5")
    await expect(listed.locator(".list-count")).to_contain_text("of 10 sandboxes")
    await expect(listed.locator("#q")).to_be_focused()
    assert "q=box-5" in listed.url
    await listed.evaluate("document.activeElement.blur()")
    await listed.keyboard.press("j")
    await listed.keyboard.press("Enter")
    await expect(listed).to_have_url(re.compile("/sandboxes/box-50/"))


async def test_a_late_answer_takes_nobodys_row_away(listed: Page) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await answer.wait()
        await route.continue_()

    await listed.route("**/sandboxes/?q=box-0*", late)
    await listed.keyboard.press("/")
    await listed.keyboard.type("box-0")
    await asked.wait()
    await listed.evaluate("document.activeElement.blur()")
    for _ in range(4):
        await listed.keyboard.press("j")
    answer.set()
    await expect(listed.locator(".list-count")).to_contain_text("of 10 sandboxes")
    assert await focused(listed) == "box-03"


async def test_a_search_is_asked_for_once(listed: Page) -> None:
    asked: list[str] = []
    listed.on("request", lambda request: asked.append(request.url) if "?q=" in request.url else None)
    await listed.keyboard.press("/")
    await listed.keyboard.type("box-5")
    await expect(listed.locator(".list-count")).to_contain_text("of 10 sandboxes")
    at_first = len(asked)
    await listed.keyboard.press("Tab")
    await listed.get_by_role("button", name="State").click()
    await listed.get_by_label("Failed").check()
    await expect(listed).to_have_url(re.compile("status=failed"))
    assert len(asked) == at_first + 1


async def test_the_back_button_goes_through_what_was_looked_at(listed: Page) -> None:
    await listed.get_by_role("link", name="Next").click()
    await expect(listed.locator(".list-count")).to_contain_text("26\u201350 of 60")
    await listed.get_by_role("button", name="State").click()
    await listed.get_by_label("Ready").check()
    await expect(listed.get_by_text("Nothing matches")).to_be_visible()
    assert "status=ready" in listed.url
    assert "sort=name" in listed.url
    await listed.go_back()
    await expect(listed.locator(".list-count")).to_contain_text("26\u201350 of 60")
    await listed.go_back()
    await expect(listed.locator(".list-count")).to_contain_text("1\u201325 of 60")


async def test_headings_sort(listed: Page) -> None:
    heading = listed.get_by_role("columnheader", name="Name")
    await expect(heading).to_have_attribute("aria-sort", "ascending")
    await heading.get_by_role("link").click()
    await expect(heading).to_have_attribute("aria-sort", "descending")
    await expect(listed.locator("tbody tr").first).to_have_attribute("data-label", "box-59")
    await expect(heading.get_by_role("link")).to_be_focused()


async def test_a_row_appears_by_itself_and_disturbs_nothing(listed: Page, site: Site) -> None:
    name = f"aaa-{uuid4().hex[:6]}"
    await listed.locator(row(listed, "box-20")).get_by_role("link", name="box-20", exact=True).focus()
    await listed.locator(row(listed, "box-20")).get_by_role("checkbox").check()
    await listed.locator(row(listed, "box-20")).get_by_role("link", name="box-20", exact=True).focus()
    await listed.get_by_role("button", name="Template").click()
    await listed.locator(row(listed, "box-20")).get_by_role("link", name="box-20", exact=True).focus()
    before = await listed.locator(row(listed, "box-20")).bounding_box()
    async with site.async_client() as client:
        await client.create_sandbox(template_name="empty", name=name, wait_for_ready=False)
        await expect(listed.locator(row(listed, name))).to_be_attached()
        assert await focused(listed) == "box-20"
        await expect(listed.locator(row(listed, "box-20")).get_by_role("checkbox")).to_be_checked()
        after = await listed.locator(row(listed, "box-20")).bounding_box()
        assert before
        assert after
        await client.delete_sandbox(name)
        await expect(listed.locator(row(listed, name))).to_have_count(0)
    assert await focused(listed) == "box-20"


async def test_a_list_that_cannot_be_had_anew_says_so_until_it_can(listed: Page, site: Site) -> None:
    words = listed.get_by_text("The console cannot be reached. What you see may be old.")
    page = "**/sandboxes/?sort=name&size=25"
    await listed.route(page, lambda route: route.abort())
    async with site.async_client() as client:
        await client.create_sandbox(template_name="empty", name="box-000", wait_for_ready=False)
        await expect(words).to_be_visible()
        await expect(listed.locator(row(listed, "box-000"))).to_have_count(0)
        await listed.unroute(page)
        await client.delete_sandbox("box-000")
        await expect(words).to_have_count(0)
    await expect(listed.locator(".list-count")).to_contain_text("of 60 sandboxes")


async def test_a_row_that_goes_leaves_the_focus_to_the_next(listed: Page, site: Site) -> None:
    name = f"aab-{uuid4().hex[:6]}"
    async with site.async_client() as client:
        await client.create_sandbox(template_name="empty", name=name, wait_for_ready=False)
        await listed.locator(row(listed, name)).get_by_role("link", name=name, exact=True).focus()
        await client.delete_sandbox(name)
    await expect(listed.locator(row(listed, name))).to_have_count(0)
    assert await focused(listed) == "box-00"


async def test_a_selection_outlives_pages_and_a_reload(listed: Page) -> None:
    await listed.get_by_label("Select box-00").check()
    await listed.get_by_role("link", name="Next").click()
    await expect(listed.locator(".list-count")).to_be_hidden()
    await listed.get_by_label("Select box-30").check()
    words = listed.locator("[data-selected-words]")
    await expect(words).to_have_text("2 selected")
    await listed.get_by_role("link", name="Previous").click()
    await expect(listed.get_by_label("Select box-00")).to_be_checked()
    await listed.reload()
    await expect(words).to_have_text("2 selected")
    await listed.get_by_label("Select all sandboxes of this page").check()
    await expect(words).to_have_text("26 selected")
    await listed.get_by_role("button", name="Select all 60 that match").click()
    await expect(words).to_have_text("All 60 that match are selected")
    await listed.get_by_role("button", name="Clear").click()
    await expect(listed.get_by_role("button", name="Delete")).to_be_hidden()


async def test_the_selection_as_a_file(listed: Page) -> None:
    await listed.get_by_label("Select box-07").check()
    async with listed.expect_download() as coming:
        await listed.get_by_role("link", name="CSV").click()
    text = (await (await coming.value).path()).read_text(encoding="utf-8-sig")
    assert [line.partition(",")[0] for line in text.splitlines()] == ["Name", "box-07"]


async def test_a_viewer_is_offered_no_action(page_as: Pages) -> None:
    page = await page_as("viewer", "sandboxes/")
    await expect(page.locator("button[data-bulk]")).to_have_count(0)


async def test_sixty_are_deleted_with_a_failure_among_them(listed: Page, site: Site) -> None:
    """The last of this file: nothing is left after it."""
    await listed.get_by_label("Select all sandboxes of this page").check()
    await listed.get_by_role("button", name="Select all 60 that match").click()
    await listed.get_by_role("button", name="Delete").click()
    dialog = listed.get_by_role("dialog")
    await expect(dialog).to_contain_text("Delete 60 sandboxes?")
    await expect(dialog).to_contain_text("every file in them is lost")
    await axe(listed)
    async with site.async_client() as client:
        await client.delete_sandbox("box-33")
    await dialog.get_by_role("button", name="Delete 60").click()
    await expect(dialog.get_by_role("heading")).to_contain_text("60 sandboxes deleted")
    await expect(dialog.get_by_text("It was gone already.")).to_be_visible()
    await axe(listed)
    await dialog.get_by_role("link", name="Close").click()
    await expect(listed.get_by_text("No sandboxes yet")).to_be_visible()
