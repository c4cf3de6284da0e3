"""A team lead's first minutes, by mouse and keyboard alone: from the sign-in page to a shell and back to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from playwright.async_api import async_playwright, expect

from tests.chromium import CHROMIUM
from tests.e2e.terminal_page import Load, TerminalPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        yield browser
        await browser.close()


async def test_it_works(browser: Browser, stack: Stack) -> None:
    name = f"spine-{uuid4().hex[:8]}"
    page = await browser.new_page()
    lead = TerminalPage(page, stack)
    await lead.sign_in()

    await page.get_by_role("link", name="Templates").first.click()
    await page.get_by_role("link", name="New template").first.click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Image").fill("host")
    await page.get_by_role("button", name="Create template").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(name)

    await page.get_by_role("link", name="Sandboxes").first.click()
    await page.get_by_role("link", name="New sandbox").first.click()
    await page.get_by_label("Template").select_option(name)
    await page.get_by_label("Name").fill(name)
    lead.loads.append(Load())
    await page.get_by_role("button", name="Create sandbox").click()
    await page.wait_for_url(f"**/sandboxes/{name}/**")

    await page.get_by_role("link", name="Terminal", exact=True).click()
    await page.wait_for_url("**/terminal/*-*/")
    await lead.until_state("connected")
    await lead.until(lambda lines: any(line.rstrip().endswith("#") for line in lines))
    await page.keyboard.type("python3 -c 'print(2+2)'\n")
    await lead.until(lambda lines: "4" in lines)

    await page.get_by_role("link", name="Settings").first.click()
    await page.get_by_text("Delete this sandbox").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.wait_for_url("**/sandboxes/")
    await expect(page.get_by_role("main")).to_contain_text(f"{name} was deleted")
    await expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_count(0)

    await page.get_by_role("link", name="Activity").first.click()
    await expect(page.get_by_role("main")).to_contain_text(f"deleted the sandbox {name}")
    assert lead.problems == []


async def test_bad_input_is_said_beside_the_field_and_kept(browser: Browser, stack: Stack) -> None:
    page = await browser.new_page()
    lead = TerminalPage(page, stack)
    await lead.sign_in()
    await page.goto(f"{stack.console_url}/t/{lead.team}/templates/new")
    await page.get_by_label("Name").fill("Not A Name")
    await page.get_by_label("Image").fill("host")
    await page.get_by_label("Memory").fill("a lot")
    await page.get_by_role("button", name="Create template").click()
    await expect(page.get_by_label("Name")).to_have_value("Not A Name")
    await expect(page.get_by_label("Memory")).to_have_value("a lot")
    assert await page.locator(".invalid-feedback:visible").count() >= 1
