"""Every page of the console, in one table: what is pictured, weighed, and looked at by axe in both themes.

A new page is one line here. Paths are below ``/t/<team>/`` of a workspace that ``tools.filled`` filled; ``before`` is
what a person does there first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Page


async def _open_palette(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").fill("py")
    await page.get_by_role("option", name="python").first.wait_for()


async def _open_shortcuts(page: Page) -> None:
    await page.keyboard.press("?")
    await page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()


async def _open_delete(page: Page) -> None:
    await page.get_by_role("link", name="Delete", exact=True).first.click()
    await page.get_by_role("dialog").get_by_role("heading").wait_for()


@dataclass(frozen=True, slots=True)
class Shown:
    """One page. ``ready`` is a selector that is there when the page has all that it shows."""

    name: str
    path: str
    before: Callable[[Page], Awaitable[None]] | None = None
    ready: str = "h1"
    heavy: bool = False
    """Whether it has the terminal or the editor, which may weigh more."""
    least: Literal["viewer", "member", "admin"] = "viewer"
    """The role that opens it: others of the team are told which do."""


PAGES = (
    Shown("overview", ""),
    Shown("sandboxes", "sandboxes/", ready="tr[data-key]"),
    Shown("sandbox-new", "sandboxes/new?template=python", ready="#takes dl", least="member"),
    Shown("sandbox", "sandboxes/web-scraper/"),
    Shown("sandbox-commands", "sandboxes/web-scraper/commands/"),
    Shown("sandbox-metrics", "sandboxes/web-scraper/metrics/"),
    Shown("sandbox-processes", "sandboxes/web-scraper/processes/"),
    Shown("sandbox-ports", "sandboxes/web-scraper/ports/"),
    Shown("sandbox-timeline", "sandboxes/web-scraper/timeline/"),
    Shown("sandbox-settings", "sandboxes/web-scraper/settings/", least="member"),
    Shown("sandbox-delete", "sandboxes/web-scraper/", before=_open_delete),
    Shown("history", "history/", ready="tr[data-key]"),
    Shown("templates", "templates/", ready="tr[data-key]"),
    Shown("template", "templates/build-and-test/"),
    Shown("template-new", "templates/new?from=build-and-test", ready="#takes dl", least="member"),
    Shown("volumes", "volumes/", ready="tr[data-key]"),
    Shown("volume", "volumes/datasets/"),
    Shown("volume-new", "volumes/new", least="member"),
    Shown("pools", "pools/", ready="tr[data-key]"),
    Shown("pool", "pools/warm-python/"),
    Shown("pool-new", "pools/new", least="member"),
    Shown("recordings", "recordings/"),
    Shown("recording-setting", "recordings/setting", ready="#dialog-title", least="admin"),
    Shown("activity", "activity/"),
    Shown("team", "team/"),
    Shown("member-new", "team/members/new", least="admin"),
    Shown("palette", "", before=_open_palette),
    Shown("shortcuts", "sandboxes/", before=_open_shortcuts),
)
