"""`make screenshots`: pictures of every page, light, dark and as wide as a phone, into docs/images/.

Starts an installation of its own, fills it with what a small team would have (``tools.filled``), and looks at each page
of ``tools.pages`` with Chromium.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from sandboxcore import SandboxClient
from tests.chromium import CHROMIUM
from tests.e2e.terminal_page import TerminalPage
from tests.stack import Stack
from tools.filled import fill
from tools.pages import PAGES

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, ViewportSize

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
LOOKS: dict[str, tuple[str, ViewportSize]] = {
    "light": ("light", {"width": 1280, "height": 800}),
    "dark": ("dark", {"width": 1280, "height": 800}),
    "phone": ("light", {"width": 360, "height": 740}),
}
TYPED = (
    "python3 -c 'print(2+2)'",
    "ls --color=always /",
    "seq 5 | awk '{ s += $1; printf \"%d %d\\n\", $1, s }'",
)


async def look(browser: Browser, stack: Stack, name: str, scheme: str, size: ViewportSize) -> None:
    """Take every page's picture in one look."""
    context = await browser.new_context(color_scheme=scheme, viewport=size)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(stack.console_url)
    await picture(page, f"sign-in-{name}")
    person = TerminalPage(page, stack)
    await person.sign_in()
    for shown in PAGES:
        await page.goto(f"{stack.console_url}/t/{person.team}/{shown.path}")
        await page.locator(shown.ready).first.wait_for()
        await page.wait_for_load_state("networkidle")
        if shown.before is not None:
            await shown.before(page)
        await picture(page, f"{shown.name}-{name}")
    await person.open("web-scraper")
    if name == "light":
        for number, line in enumerate(TYPED, start=2):
            await person.run(line)
            await person.until(lambda lines, number=number: sum(row.startswith("root@") for row in lines) >= number)
    await person.until(lambda lines: "5 15" in lines)
    await picture(page, f"terminal-{name}")
    await context.close()


async def picture(page: Page, name: str) -> None:
    """Save what the page shows."""
    await page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


async def take(stack: Stack) -> None:
    """All looks, one after the other: the first one types what the others show."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        for name, (scheme, size) in LOOKS.items():
            await look(browser, stack, name, scheme, size)
        await browser.close()


def main() -> int:
    """Entry point."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with Stack.new() as stack:
        with SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
            fill(client)
        asyncio.run(take(stack))
    return 0


if __name__ == "__main__":
    sys.exit(main())
