"""What every page has around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits

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
    await expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(5)


@pytest.mark.parametrize("path", PAGES)
async def test_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages, path: str) -> None:
    page = await page_as("owner", path)
    await expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path])
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


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
