"""The console in a real browser, on a real installation: a team of its own a module, people of every role signed in.

    async def test_it_works(page_as, site):
        page = await page_as("owner", "sandboxes/", theme="dark", width=360)
        await expect(page.get_by_role("heading", name="Sandboxes")).to_be_visible()
        await axe(page)

Every test of the folder runs on the session's event loop, to which the browser belongs. A test fails if a page of its
had a script error, a message of the security policy, or an asset that is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from tests.browser.pages import WITHIN, Pages
from tests.browser.site import Seats
from tests.chromium import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

    from tests.browser.site import Site
    from tests.stack import Stack

HERE = Path(__file__).parent

expect.set_options(timeout=WITHIN)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is in this folder on the session's loop."""
    for item in items:
        if HERE in item.path.parents and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests of this worker."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def seats(stack: Stack) -> Iterator[Seats]:
    """Makes teams."""
    with Seats(stack) as seats:
        yield seats


@pytest.fixture(scope="module")
def site(seats: Seats) -> Iterator[Site]:
    """This module's team. Override it in a module to fill the workspace first."""
    site = seats.make()
    yield site
    seats.remove(site)


@pytest_asyncio.fixture(loop_scope="session")
async def page_as(browser: Browser, site: Site) -> AsyncIterator[Pages]:
    """``await page_as("viewer", "sandboxes/", theme="dark", width=360)``; pages are closed after the test."""
    pages = Pages(browser, site)
    yield pages
    await pages.close()
    assert not pages.problems, "\n".join(pages.problems)
