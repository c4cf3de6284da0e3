"""Pools in a real browser, on the real kernel: every page and role, filling live, scaling, pausing, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

LONG = "p-" + "x" * 61
PAGES = {
    "pools/": "Pools",
    "pools/new": "New pool",
    "pools/warm/": "warm",
    f"pools/{LONG}/": LONG,
}
DIALOGS = ("pools/warm/scale", "pools/warm/rename", "pools/warm/delete")
WRITES = {"pools/new", *DIALOGS}


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with a pool that is full and has been used, and one that cannot be filled."""
    site = seats.make()
    with site.client() as client:
        client.create_template("python", "host", cpu="100m", memory="64Mi")
        client.create_template("broken", "no-such-image:1", cpu="100m", memory="64Mi")
        client.create_pool("warm", "python", 1)
        client.create_pool(LONG, "broken", 2, wait_for_ready=False)
        for _ in range(2):
            client.create_sandbox("python")
        until(lambda: len(client.list_pool_claims("warm")) == 2, what="both creates to be written down")
    yield site
    seats.remove(site)


async def test_it_works(page_as: Pages) -> None:
    page = await page_as("member", "pools/")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=LONG))
    await expect(row).to_contain_text("failing")
    await expect(row).to_contain_text("no-such-image")
    await page.get_by_role("link", name="warm", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("ready")
    await expect(page.get_by_role("progressbar", name="Ready")).to_be_visible()
    await expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)


@pytest.mark.parametrize("path", [*PAGES, *DIALOGS])
async def test_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages, path: str) -> None:
    page = await page_as("owner", path)
    if path in PAGES:
        await expect(page.get_by_role("heading", level=1)).to_contain_text(PAGES[path])
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


@pytest.mark.parametrize("role", ["member", "viewer", "outsider"])
async def test_each_role_sees_its_pages(page_as: Pages, role: str) -> None:
    page = await page_as(role)
    for path in (*PAGES, *DIALOGS):
        answer = await page.goto(page_as.site.url(path))
        assert answer is not None
        refused = 404 if role == "outsider" else 403 if role == "viewer" and path in WRITES else 200
        assert answer.status == refused, path


async def test_one_is_made_fills_is_scaled_paused_resumed_and_deleted(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "pools/new?template=python")
    await page.get_by_label("Name").fill("mine")
    await page.get_by_label("Sandboxes to keep warm").fill("2")
    await expect(page.locator("#takes")).to_contain_text("128 MiB")
    await page.get_by_role("button", name="Create pool").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("mine")
    # It follows by itself what the server does.
    await expect(page.get_by_text("of 2 ready")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("ready")

    await page.get_by_role("link", name="Scale").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Sandboxes to keep warm").fill("1")
    await dialog.get_by_role("button", name="Scale pool").click()
    await expect(page.get_by_text("of 1 ready")).to_be_visible()

    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    await page.get_by_role("button", name="Resume with 1").click()
    await expect(page.get_by_text("of 1 ready")).to_be_visible()

    await page.get_by_role("link", name="Delete").click()
    await dialog.get_by_role("button", name="Delete pool").click()
    await expect(page).to_have_url(site.url("pools/"))
    await expect(page.get_by_role("link", name="mine", exact=True)).to_have_count(0)


async def test_a_create_elsewhere_is_listed_without_a_reload(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", "pools/warm/")
    rows = page.get_by_role("table").get_by_role("row")
    await expect(rows.first).to_be_visible()
    before = await rows.count()
    async with site.async_client() as client:
        await client.create_sandbox("python")
    await expect(rows).to_have_count(before + 1)
