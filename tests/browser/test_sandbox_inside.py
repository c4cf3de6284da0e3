"""What runs and listens inside a sandbox: it is followed, ended, opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Locator, Page

    from tests.browser.pages import Pages
    from tests.browser.site import Seats, Site

pytestmark = pytest.mark.kernel
PROCESSES = "sandboxes/alpha/processes/"
PORTS = "sandboxes/alpha/ports/"
SERVER = "mkdir -p /tmp/web && cd /tmp/web && echo '<h1>From inside</h1>' > index.html && exec python3 -m http.server"


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """A team with a sandbox in which nothing runs yet."""
    site = seats.make()
    with site.client() as client:
        client.create_template("python", "host", cpu="500m", memory="256Mi")
        client.create_sandbox("python", name="alpha")
    yield site
    seats.remove(site)


async def start(site: Site, command: str) -> None:
    """Run a command that goes on after this client."""
    async with site.async_client() as client:
        sandbox = await client.get_sandbox("alpha")
        await sandbox.run(command, timeout=0, wait=False)


def row(page: Page, text: str) -> Locator:
    return page.get_by_role("row").filter(has_text=text)


async def test_it_works(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", PROCESSES)
    await start(site, "exec sleep 3141")
    await expect(row(page, "sleep 3141")).to_be_visible()
    await expect(page.get_by_role("link", name=re.compile("^End process"))).to_have_count(0)


async def test_a_process_is_ended_after_a_question(page_as: Pages, site: Site) -> None:
    await start(site, "exec sleep 2718")
    page = await page_as("member", f"{PROCESSES}?sort=-started")
    its = row(page, "sleep 2718")
    await its.get_by_role("link", name=re.compile("^End process")).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("sleep 2718")
    await axe(page)
    await dialog.get_by_role("button", name="End process").click()
    await expect(page.get_by_text(re.compile(r"Process \d+ was asked to end\."))).to_be_visible()
    await expect(its).to_have_count(0)


async def test_the_order_and_the_focus_stay_while_it_is_followed(page_as: Pages, site: Site) -> None:
    page = await page_as("viewer", PROCESSES)
    await page.get_by_role("link", name="Memory").click()
    await expect(page).to_have_url(re.compile(r"\?sort=-memory$"))
    heading = page.get_by_role("columnheader", name="Memory")
    await expect(heading).to_have_attribute("aria-sort", "descending")
    await heading.get_by_role("link").focus()
    await start(site, "exec sleep 1618")
    await expect(row(page, "sleep 1618")).to_be_visible()
    await expect(heading).to_have_attribute("aria-sort", "descending")
    await expect(heading.get_by_role("link")).to_be_focused()


async def test_a_port_appears_and_its_preview_opens_at_the_services_origin(page_as: Pages, site: Site) -> None:
    page = await page_as("member", PORTS)
    await expect(page.get_by_text("Nothing listens")).to_be_visible()
    await page.get_by_label("A preview lasts").select_option("10 minutes")
    await start(site, f"{SERVER} 8000")
    button = page.get_by_role("button", name="Open a preview of port 8000 in a new tab")
    await expect(button).to_be_visible()
    await expect(page.get_by_label("A preview lasts")).to_have_value("600")
    async with page.context.expect_page() as opened:
        await button.click()
    preview = await opened.value
    await expect(preview.get_by_role("heading", name="From inside")).to_be_visible()
    assert urlsplit(preview.url).netloc != urlsplit(site.base).netloc
    assert await preview.evaluate("window.opener === null")
    assert await preview.evaluate("document.referrer") == ""


async def test_a_tunnel_is_there_to_copy(page_as: Pages, site: Site) -> None:
    await start(site, f"{SERVER} 8001")
    page = await page_as("viewer", PORTS)
    await page.get_by_role("link", name="Tunnel to port 8001").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("sandbox tunnel alpha 8001:8001")).to_be_visible()
    await axe(page)
    await expect(page.get_by_role("button", name=re.compile("^Open a preview"))).to_have_count(0)


async def test_a_port_of_another_address_says_why_it_cannot_be_reached(page_as: Pages, site: Site) -> None:
    await start(site, f"{SERVER} 8002 --bind 127.0.0.2")
    page = await page_as("member", PORTS)
    its = row(page, "127.0.0.2")
    await expect(its).to_contain_text("Let the program listen there")
    await expect(its.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("path", [PROCESSES, PORTS])
async def test_has_no_finding_of_axe_and_fits_a_phone(page_as: Pages, site: Site, path: str) -> None:
    page = await page_as("member", path)
    await expect(page.get_by_role("table")).to_be_visible()
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


async def test_an_outsider_finds_nothing(page_as: Pages) -> None:
    page = await page_as("outsider")
    for path in (PROCESSES, f"{PROCESSES}1/end", PORTS, f"{PORTS}8000/tunnel"):
        answer = await page.goto(page_as.site.url(path))
        assert answer is not None
        assert answer.status == 404


async def test_pages_that_are_open_say_that_it_ended(page_as: Pages, site: Site) -> None:
    processes = await page_as("viewer", PROCESSES)
    ports = await page_as("viewer", PORTS)
    async with site.async_client() as client:
        await client.delete_sandbox("alpha")
    for page in (processes, ports):
        await expect(page.locator(".empty-title")).to_contain_text("not found")
