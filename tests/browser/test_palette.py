"""The palette and the keys, by keyboard alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.pages import Pages
    from tests.browser.site import Site


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """A template and a sandbox to be found."""
    with site.client() as client:
        client.create_template("python", "host", cpu="250m", memory="128Mi")
        client.create_sandbox("python", name="web-scraper")
    return site


async def opened(page: Page, query: str = "") -> None:
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    await expect(field).to_be_focused()
    if query:
        await page.keyboard.type(query)


async def test_it_works(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "")
    await opened(page, "scrap")
    option = page.get_by_role("option", name=re.compile("web-scraper"))
    await expect(option).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_role("combobox")).to_have_attribute(
        "aria-activedescendant", str(await option.get_attribute("id"))
    )
    await page.keyboard.press("Enter")
    await page.wait_for_url(site.url("sandboxes/web-scraper/"))
    await opened(page)
    await expect(page.get_by_role("group", name="Recent").get_by_role("option")).to_have_text(["web-scraper"])


async def test_arrows_choose_and_escape_gives_the_focus_back(page_as: Pages) -> None:
    page = await page_as("member", "")
    link = page.get_by_role("link", name="Templates").first
    await link.focus()
    await opened(page)
    await expect(page.get_by_role("option").first).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("combobox")).to_be_hidden()
    await expect(link).to_be_focused()


async def test_it_finds_templates_members_pages_and_only_what_the_role_may_do(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", "")
    await opened(page, "python")
    await expect(page.get_by_role("group", name="Templates").get_by_role("option")).to_have_count(1)
    await page.get_by_role("combobox").fill(f"owner-{site.team}")
    await expect(page.get_by_role("group", name="Members").get_by_role("option")).to_have_count(1)
    await page.get_by_role("combobox").fill("new")
    await expect(page.get_by_text("Nothing here is called new.")).to_be_visible()
    member = await page_as("member", "")
    await opened(member, "new sandb")
    await expect(member.get_by_role("option", name=re.compile("New sandbox"))).to_be_visible()


async def test_hostile_words_are_words(page_as: Pages) -> None:
    page = await page_as("member", "")
    await opened(page, "<img src=x onerror=alert(1)>")
    await expect(page.get_by_text("Nothing here is called <img src=x onerror=alert(1)>.")).to_be_visible()


async def test_it_is_clean_in_both_themes_and_fits_a_phone(page_as: Pages) -> None:
    page = await page_as("member", "", width=360, height=740)
    await page.get_by_role("link", name="Search").click()
    await page.keyboard.type("python")
    await expect(page.get_by_role("option", name=re.compile("^python"))).to_be_visible()
    await axe(page)
    await fits(page)


async def test_a_console_that_does_not_answer_is_said_in_a_line(page_as: Pages) -> None:
    page = await page_as("member", "")
    await page.route("**/palette?*", lambda route: route.abort())
    await opened(page, "py")
    await expect(page.get_by_text("The console did not answer.")).to_be_visible()
    await page.unroute("**/palette?*")
    await page.keyboard.type("t")
    await expect(page.get_by_role("option", name=re.compile("^python"))).to_be_visible()


async def test_keys_lead_to_pages_and_a_list_tells_them(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "")
    await page.keyboard.press("?")
    told = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(told.get_by_text("Sandboxes", exact=True)).to_be_visible()
    await axe(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("t")
    await page.wait_for_url(site.url("templates/"))


async def test_keys_do_nothing_while_somebody_types(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "templates/new")
    await page.get_by_label("Name").fill("")
    await page.keyboard.type("g t ? n s")
    await expect(page.get_by_label("Name")).to_have_value("g t ? n s")
    assert page.url == site.url("templates/new")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_an_outsider_finds_no_palette(page_as: Pages) -> None:
    page = await page_as("outsider")
    answer = await page.goto(page_as.site.url("palette?q=web"))
    assert answer is not None
    assert answer.status == 404
