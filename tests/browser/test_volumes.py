"""Volumes in a real browser, on the real kernel: every page and role, growing live, deleting by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from sandboxcore.models import VolumeMountSpec
from tests.browser.pages import axe, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

LONG = "v-" + "x" * 61
PAGES = {
    "volumes/": "Volumes",
    "volumes/new": "New volume",
    "volumes/data/": "data",
    f"volumes/{LONG}/": LONG,
}
DIALOGS = ("volumes/data/grow", "volumes/data/rename", "volumes/data/delete", f"volumes/{LONG}/delete")
WRITES = {"volumes/new", *DIALOGS}


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with a volume that is mounted and one that is not."""
    site = seats.make()
    with site.client() as client:
        client.create_volume("data", "64Mi")
        client.create_volume(LONG, "32Mi")
        mounts = [VolumeMountSpec("data", "/data")]
        client.create_template("trainer", "host", cpu="100m", memory="64Mi", volume_mounts=mounts)
        box = client.create_sandbox("trainer", name="train-1")
        box.run("head -c 16M /dev/zero > /data/file")
    yield site
    seats.remove(site)


async def test_it_works(page_as: Pages) -> None:
    page = await page_as("member", "volumes/")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="data", exact=True))
    await expect(row).to_contain_text("16 MiB")
    await expect(row).to_contain_text("trainer")
    await page.get_by_role("link", name="data", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("data")
    await expect(page.get_by_role("link", name="train-1")).to_be_visible()
    await expect(page.get_by_role("meter", name="Used")).to_be_visible()


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


async def test_one_is_made_grown_while_the_page_is_open_and_deleted_by_name(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "volumes/new")
    await page.get_by_label("Name").fill("scratch")
    await page.get_by_label("Size").fill("32Mi")
    await expect(page.locator("#takes")).to_contain_text("32 MiB")
    await page.get_by_role("button", name="Create volume").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("ready")

    async with site.async_client() as client:
        await client.update_volume("scratch", size="64Mi")
    await expect(page.locator(".details").get_by_text("64 MiB")).to_be_visible()

    await page.get_by_role("link", name="Grow").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("New size").fill("96Mi")
    await dialog.get_by_role("button", name="Grow volume").click()
    await expect(page.locator(".details").get_by_text("96 MiB")).to_be_visible()

    await page.get_by_role("link", name="Delete").click()
    await dialog.get_by_label("Type scratch to go on").fill("scratch")
    await dialog.get_by_role("button", name="Delete volume").click()
    await expect(page).to_have_url(site.url("volumes/"))
    await expect(page.get_by_role("link", name="scratch", exact=True)).to_have_count(0)


async def test_one_that_is_mounted_neither_grows_nor_goes_and_says_why(page_as: Pages) -> None:
    page = await page_as("member", "volumes/data/")
    dialog = page.get_by_role("dialog")
    await page.get_by_role("link", name="Grow").click()
    await expect(dialog.get_by_role("link", name="train-1")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Grow volume")).to_have_count(0)
    await dialog.get_by_role("link", name="Close").click()
    await page.get_by_role("link", name="Delete").click()
    await expect(dialog.get_by_role("link", name="trainer")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Delete volume")).to_have_count(0)
