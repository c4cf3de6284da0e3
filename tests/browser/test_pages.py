"""Every page of the console: no finding of axe in either theme, no wider than a phone, and not heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe, fits
from tests.browser.weight import Weight
from tools.filled import fill
from tools.pages import PAGES, Shown

if TYPE_CHECKING:
    from tests.browser.pages import Pages
    from tests.browser.site import Site

MOST = 200 * 1024
"""Bytes that a page may weigh on the wire, all its parts together, nothing of it known before."""
MOST_HEAVY = 600 * 1024
RANKS = ("owner", "admin", "member", "viewer")


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """The team has what a small team would have."""
    with site.client() as client:
        fill(client)
    return site


@pytest.mark.parametrize("shown", PAGES, ids=[shown.name for shown in PAGES])
async def test_a_page_is_clean_in_both_themes_fits_a_phone_and_is_light(page_as: Pages, shown: Shown) -> None:
    page = await page_as("owner")
    weight = await Weight.of(page)
    answer = await page.goto(page_as.site.url(shown.path))
    assert answer is not None
    assert answer.status == 200
    await page.locator(shown.ready).first.wait_for()
    assert weight.total < (MOST_HEAVY if shown.heavy else MOST), weight.told()
    if shown.before is not None:
        await shown.before(page)
    await axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await fits(page)


@pytest.mark.parametrize("role", ["owner", "member", "viewer", "outsider"])
async def test_every_page_knows_who_asks(page_as: Pages, role: str) -> None:
    page = await page_as(role)
    for shown in PAGES:
        answer = await page.goto(page_as.site.url(shown.path))
        assert answer is not None
        if role == "outsider":
            assert answer.status == 404, shown.name
        elif RANKS.index(role) > RANKS.index(shown.least):
            assert answer.status == 403, shown.name
            await expect(page.get_by_role("heading", level=1)).to_have_text("Your role does not reach this")
        else:
            assert answer.status == 200, shown.name
