"""The team's first page: it counts, it follows, it draws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Page

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with a template, a sandbox that works, one that failed, and a limit that is nearly reached."""
    site = seats.make()
    with site.client() as client, site.admin() as admin:
        admin.set_limits(site.workspace, max_sandboxes=5)
        client.create_template("python", "host", cpu="250m", memory="128Mi")
        client.create_sandbox("python", name="alpha")
        client.create_sandbox("python", name="beta")
    yield site
    seats.remove(site)


def number(page: Page, name: str) -> str:
    return f'a.number-card:has(.subheader:text-is("{name}")) .number'


async def test_it_works(page_as: Pages) -> None:
    page = await page_as("viewer", "")
    await expect(page.locator(number(page, "Ready"))).to_have_text("2")
    await expect(page.locator(number(page, "Templates"))).to_have_text("1")
    await expect(page.get_by_role("definition").filter(has_text="2 of 5")).to_be_visible()
    await expect(page.get_by_role("definition").filter(has_text="no limit").first).to_be_visible()


async def test_a_number_leads_to_its_list(page_as: Pages) -> None:
    page = await page_as("member", "")
    await page.locator(number(page, "Ready")).click()
    await expect(page).to_have_url(re.compile(r"/sandboxes/\?status=ready$"))
    await expect(page.get_by_role("link", name="alpha", exact=True)).to_be_visible()


async def test_it_follows_what_programs_do(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", "")
    ready = page.locator(number(page, "Ready"))
    await expect(ready).to_have_text("2")
    await page.get_by_role("link", name="All activity").focus()
    async with site.async_client() as client:
        await client.create_sandbox("python", name="gamma")
        await client.create_sandbox("python", name="delta")
        await expect(ready).to_have_text("4")
        await expect(page.get_by_text("4 of 5 (80 %)")).to_be_visible()
        await expect(page.get_by_role("link", name="All activity")).to_be_focused()
        await client.delete_sandbox("delta")
        await expect(ready).to_have_text("3")
        await client.delete_sandbox("gamma")


async def test_the_charts_draw_what_the_server_measured(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", "?range=15m")
    figure = page.get_by_role("figure", name="Memory in use")
    await expect(figure.locator("[data-chart-value]")).to_have_text(re.compile(r"\d+(\.\d+)? MiB"), timeout=25_000)
    await expect(figure.locator("canvas")).to_have_count(1)
    await expect(figure.locator("[data-chart-summary]")).to_have_text(re.compile("^Now .* on average\\.$"))


@pytest.mark.parametrize("role", ["owner", "viewer"])
async def test_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages, role: str) -> None:
    page = await page_as(role, "")
    await expect(page.locator("figure[aria-busy=false]")).to_have_count(2)
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


async def test_an_empty_team_is_shown_the_first_steps(page_as: Pages, seats: Seats, site: Site) -> None:
    empty = seats.make()
    try:
        page_as.site = empty
        page = await page_as("owner", "")
        await expect(page.get_by_role("heading", name="Start with a template")).to_be_visible()
        await axe(page)
        with empty.client() as client:
            client.create_template("first", "host")
        await expect(page.get_by_role("heading", name="You have a template")).to_be_visible()
    finally:
        page_as.site = site
        seats.remove(empty)


async def test_an_outsider_finds_nothing(page_as: Pages) -> None:
    page = await page_as("outsider")
    answer = await page.goto(page_as.site.url("metrics"))
    assert answer is not None
    assert answer.status == 404
