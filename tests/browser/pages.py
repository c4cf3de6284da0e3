"""Pages in Chromium that tell what went wrong on them, and axe-core on what they show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response

    from tests.browser.site import Site

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
WITHIN = 30_000
"""Milliseconds that an expectation or a click waits."""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_FINISH = "document.getAnimations().forEach((each) => each instanceof CSSTransition && each.finish())"
# Chromium tells of every refusal, htmx too, and of a request that a newer one overtook: what is refused is the test's
# to check. A missing asset is told below.
_REFUSALS = re.compile(
    r"^(Failed to load resource|Response Status Error Code [45]|WebSocket connection to|htmx:(sendAbort|afterRequest),)"
)


class Pages:
    """Opens pages as people of a team. ``problems`` is what no page may have."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.site = site
        self.problems: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def __call__(
        self,
        role: str,
        path: str | None = None,
        *,
        theme: Theme = "light",
        width: int = 1280,
        height: int = 800,
        **context: Any,
    ) -> Page:
        """A fresh page in which this person is signed in, ``nobody`` for none; opened at ``path`` if one is given."""
        made = await self._browser.new_context(
            color_scheme=theme, viewport={"width": width, "height": height}, reduced_motion="reduce", **context
        )
        self._contexts.append(made)
        made.set_default_timeout(WITHIN)
        if role != "nobody":
            await made.add_cookies([self.site.cookie(role)])  # type: ignore[list-item]  # a TypedDict
        page = await made.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._said(page, message))
        page.on("response", lambda response: self._answered(page, response))
        if path is not None:
            await page.goto(self.site.url(path))
        return page

    def _said(self, page: Page, message: ConsoleMessage) -> None:
        """Errors of scripts, and what the security policy refused."""
        if message.type == "error" and not _REFUSALS.match(message.text):
            self.problems.append(f"{page.url}: {message.text}")

    def _answered(self, page: Page, response: Response) -> None:
        if response.status >= 400 and urlsplit(response.url).path.startswith("/static/"):
            self.problems.append(f"{page.url}: {response.status} for {response.url}")

    async def close(self) -> None:
        """Close every page that was opened."""
        for context in self._contexts:
            await context.close()


async def axe(page: Page, *, themes: Sequence[Theme] = THEMES) -> None:
    """Fail on any finding of WCAG 2.2 AA, in each of the themes; leaves the page in the last one."""
    for theme in themes:
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.locator(f"html[data-bs-theme={theme}]").wait_for(state="attached")
        # A colour on its way to another is judged as what it becomes.
        await page.evaluate(_FINISH)
        found = await Axe().run(
            page, options={"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
        )
        assert not found.violations_count, f"{page.url} ({theme}):\n{told(found.response['violations'])}"


def told(violations: Sequence[dict[str, Any]]) -> str:
    """Findings as a person reads them: the rule, and each element with what is wrong."""
    lines = []
    for violation in violations:
        lines.append(f"{violation['id']}: {violation['help']}")
        nodes = violation["nodes"][:5]
        lines += [f"  {node['html'][:200]}\n    {node['failureSummary'][:400]}" for node in nodes]
    return "\n".join(lines)


async def fits(page: Page) -> None:
    """Fail where the page is wider than its window."""
    wide, window = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= window, f"{page.url} is {wide} px wide in a window of {window} px"
