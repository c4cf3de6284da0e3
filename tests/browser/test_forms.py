"""Forms as a person meets them: room shown before, errors where they are, nothing lost, nothing sent twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.pages import axe

if TYPE_CHECKING:
    from playwright.async_api import Page, Request

    from tests.browser.pages import Pages
    from tests.browser.site import Site


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """Room for two small sandboxes and no large one; one is there."""
    with site.admin() as admin:
        admin.set_limits(site.workspace, max_sandboxes=4, max_cpu_millis=1000, max_ttl_seconds=4 * 3600)
    with site.client() as client:
        client.create_volume("data", "64Mi")
        client.create_template("small", "host", cpu="250m", memory="128Mi")
        client.create_template("large", "host", cpu="1", memory="128Mi")
        client.create_sandbox("small", name="old-one", ttl_seconds=3600)
        client.create_pool("warm", "small", 1, timeout=60)
    return site


async def test_it_works(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "sandboxes/new?template=small")
    takes = page.locator("#takes")
    await expect(takes.get_by_text("0.25 cores")).to_be_visible()
    await expect(takes.get_by_text("0.5 cores left")).to_be_visible()
    await expect(takes.get_by_text(re.compile("Warm, from the pool"))).to_be_visible()
    await page.get_by_label("Name").fill("fresh")
    await expect(takes.get_by_text('name="fresh"').first).to_be_visible()
    await page.get_by_role("button", name="Create sandbox").click()
    await page.wait_for_url(site.url("sandboxes/fresh/"))
    async with site.async_client() as client:
        await client.delete_sandbox("fresh")


async def test_what_does_not_fit_shows_who_could_make_room(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "sandboxes/new?template=small")
    await page.get_by_label("Template", exact=True).select_option("large")
    takes = page.locator("#takes")
    await expect(takes.get_by_text("There is no room for this now")).to_be_visible()
    await expect(takes.get_by_text("0.5 cores too much")).to_be_visible()
    await expect(takes.get_by_role("link", name="old-one", exact=True)).to_be_visible()
    await axe(page)
    await takes.get_by_role("link", name="Delete old-one").click()
    await expect(page.get_by_role("dialog").get_by_role("heading", name="Delete old-one?")).to_be_visible()
    await axe(page)
    await page.get_by_role("link", name="Cancel").last.click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_lifetime_beyond_the_bound_is_refused_beside_its_field(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "sandboxes/new?template=small")
    await page.get_by_label("Lifetime", exact=True).select_option("other")
    await page.get_by_label("Lifetime in minutes").fill("600")
    await page.get_by_label("Name").fill("kept-name")
    await page.get_by_role("button", name="Create sandbox").click()
    minutes = page.get_by_label("Lifetime in minutes")
    await expect(minutes).to_be_focused()
    await expect(minutes).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text("This workspace allows at most 4 hours.")).to_be_visible()
    await expect(page.get_by_label("Name")).to_have_value("kept-name")
    await axe(page)


async def test_a_form_is_sent_once(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "templates/new")
    sent: list[str] = []

    def count(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    page.on("request", count)
    await page.get_by_label("Name").fill("pressed-twice")
    await page.get_by_role("button", name="Create template").dblclick()
    await page.wait_for_url(site.url("templates/pressed-twice/"))
    assert len(sent) == 1


async def test_leaving_with_something_typed_asks_first(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "templates/new")
    asked: list[str] = []
    page.on("dialog", lambda dialog: _note(asked, dialog))
    await page.get_by_label("Name").fill("not-saved")
    await page.get_by_role("link", name="Overview").first.click()
    await page.wait_for_url(site.url())
    assert asked == ["beforeunload"]


async def _note(asked: list[str], dialog: object) -> None:
    asked.append(dialog.type)  # type: ignore[attr-defined]  # a Playwright Dialog
    await dialog.accept()  # type: ignore[attr-defined]


async def test_quantities_are_told_as_they_are_typed(page_as: Pages) -> None:
    page = await page_as("member", "templates/new")
    for text, told in (("500m", "= 0.5 cores"), ("1", "= 1 core"), ("1.5", "= 1.5 cores"), ("potatoes", "")):
        await page.get_by_label("CPU").fill(text)
        await expect(page.locator("[data-quantity-echo=id_cpu]")).to_have_text(told)
    for text, told in (("1Gi", "= 1 GiB"), ("1536Mi", "= 1.5 GiB"), ("1G", "= 953.67 MiB"), ("", "")):
        await page.get_by_label("Memory").fill(text)
        await expect(page.locator("[data-quantity-echo=id_memory]")).to_have_text(told)


async def filled(page: Page, name: str) -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Mount a volume").click()
    await page.get_by_label("Volume", exact=True).select_option("data")
    await page.get_by_label("Path in the sandbox").fill("/data")


async def test_a_template_is_made_with_mounts_renamed_copied_and_deleted(page_as: Pages, site: Site) -> None:
    page = await page_as("member", "templates/new")
    await filled(page, "mounted")
    await expect(page.locator("#takes").get_by_text('VolumeMountSpec("data", "/data")').first).to_be_visible()
    await axe(page)
    await page.get_by_role("button", name="Create template").click()
    await page.wait_for_url(site.url("templates/mounted/"))
    await expect(page.get_by_text("/data", exact=True)).to_be_visible()
    await axe(page)
    await page.get_by_role("link", name="Rename").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("renamed")
    await page.keyboard.press("Enter")
    await page.wait_for_url(site.url("templates/renamed/"))
    await page.get_by_role("link", name="Duplicate").click()
    await expect(page.get_by_label("Name")).to_have_value("renamed-2")
    await expect(page.get_by_label("Path in the sandbox")).to_have_value("/data")
    await page.goto(site.url("templates/renamed/"))
    await page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("link", name="Delete")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Delete template").click()
    await expect(page.get_by_text("The template renamed was deleted.")).to_be_visible()


async def test_one_in_use_shows_who_uses_it_and_cannot_be_deleted(page_as: Pages) -> None:
    page = await page_as("member", "templates/small/")
    await expect(page.get_by_role("link", name="old-one")).to_be_visible()
    await page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("It cannot be deleted while these use it.")).to_be_visible()
    await expect(dialog.get_by_role("button")).to_have_count(0)
    await axe(page)


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("viewer", 403), ("outsider", 404)])
async def test_each_role_gets_its_forms(page_as: Pages, site: Site, role: str, status: int) -> None:
    page = await page_as(role)
    for path in ("sandboxes/new", "templates/new", "templates/small/rename", "templates/small/delete"):
        answer = await page.goto(site.url(path))
        assert answer is not None
        assert answer.status == status, path
    seen = await page.goto(site.url("templates/small/"))
    assert seen is not None
    assert seen.status == (404 if role == "outsider" else 200)
