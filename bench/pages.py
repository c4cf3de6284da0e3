"""What each page of the console weighs on the wire when nothing of it is known before, and again when all assets are.

    python -m bench.pages

The goal is 200 KB a page without terminal and editor. The browser counts: heads and bodies as they came, compressed.
"""

from __future__ import annotations

import asyncio
import sys

from playwright.async_api import async_playwright

from sandboxcore import SandboxClient
from tests.browser.weight import Weight
from tests.chromium import CHROMIUM
from tests.e2e.terminal_page import TerminalPage
from tests.stack import Stack
from tools.filled import fill
from tools.pages import PAGES


async def weigh(stack: Stack) -> list[str]:
    """A line for each page, the heaviest first."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        first = await browser.new_context()
        person = TerminalPage(await first.new_page(), stack)
        await person.sign_in()
        cookies = await first.cookies()
        found: list[tuple[int, int, str]] = []
        for shown in PAGES:
            context = await browser.new_context(storage_state={"cookies": cookies, "origins": []})  # type: ignore[arg-type]  # what it said itself
            page = await context.new_page()
            weights = []
            for _ in range(2):
                weight = await Weight.of(page)
                await page.goto(f"{stack.console_url}/t/{person.team}/{shown.path}")
                await page.locator(shown.ready).first.wait_for()
                weights.append(weight.total)
            found.append((weights[0], weights[1], shown.name))
            await context.close()
        await browser.close()
    return [
        f"{name:<24} {cold / 1024:8.1f} KB   again {warm / 1024:6.1f} KB"
        for cold, warm, name in sorted(found, reverse=True)
    ]


def main() -> int:
    """Start the product, fill it, weigh every page."""
    with Stack.new() as stack:
        with SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
            fill(client)
        print("\n".join(asyncio.run(weigh(stack))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
