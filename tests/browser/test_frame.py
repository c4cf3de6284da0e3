"""What every page has around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe

if TYPE_CHECKING:
    from tests.browser.pages import Pages
    from tests.browser.site import Site

PAGES = {
    "": "Overview",
    "sandboxes/": "Sandboxes",
    "sandboxes/new": "New sandbox",
    "templates/": "Templates",
    "templates/new": "New template",
    "activity/": "Activity",
    "team/": "Blue team",
    "team/members/new": "Add member",
}
WRITES = {"sandboxes/new", "templates/new"}
MANAGES = {"team/members/new"}


async def test_it_works(page_as: Pages) -> None:
    page = await page_as("owner", "")
    await expect(page).to_have_title("Overview · Sandbox Console")
    names = ["Overview", "Sandboxes", "Templates", "Volumes", "Pools", "Activity", "Team"]
    await expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_contain_text(names)


async def test_the_menu_opens_on_a_phone(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", "", width=360, height=740)
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Templates")
    await expect(link).to_be_hidden()
    await page.get_by_role("button", name="Show menu").click()
    await expect(link).to_be_visible()
    await axe(page)
    await link.click()
    await page.wait_for_url(site.url("templates/"))


async def test_menus_open_by_the_keyboard_and_the_theme_stays_chosen(page_as: Pages) -> None:
    page = await page_as("viewer", "templates/")
    await page.get_by_role("button", name="Theme").last.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Dark", exact=True).last.click()
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


async def test_the_first_stop_leads_past_the_menu(page_as: Pages) -> None:
    page = await page_as("viewer", "templates/")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    await expect(skip).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
async def test_each_role_sees_its_pages(page_as: Pages, role: str) -> None:
    page = await page_as(role)
    for path, heading in PAGES.items():
        answer = await page.goto(page_as.site.url(path))
        assert answer is not None
        refused = (path in WRITES and role == "viewer") or (path in MANAGES and role != "admin")
        assert answer.status == (403 if refused else 200), path
        expected = "Your role does not reach this" if refused else heading
        await expect(page.get_by_role("heading", level=1)).to_have_text(expected)


async def test_an_outsider_finds_nothing(page_as: Pages, site: Site) -> None:
    page = await page_as("outsider")
    for path in PAGES:
        answer = await page.goto(site.url(path))
        assert answer is not None
        assert answer.status == 404, path
    await axe(page)


async def test_nobody_is_led_to_the_sign_in(page_as: Pages) -> None:
    page = await page_as("nobody", "sandboxes/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await axe(page)
