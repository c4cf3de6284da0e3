"""Recordings in a browser: turned on, typed, played, searched, downloaded; as every role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from asciinema.asciicast import open_from_url  # type: ignore[import-untyped]
from playwright.async_api import expect

from tests.browser.pages import axe, fits
from tests.browser.terminals import open_shell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.browser.pages import Pages
    from tests.browser.site import Site
    from tests.stack import Stack


@pytest.fixture(scope="module")
def site(site: Site) -> Iterator[Site]:
    """A sandbox to type in."""
    with site.client() as client:
        client.create_template("small", image="host")
        client.create_sandbox(template_name="small", name="box")
    yield site


def strict(text: str) -> list[list[Any]]:
    """The events of an asciicast v2, read by the letter of its specification."""
    assert text.endswith("\n")
    head, *events = [json.loads(line) for line in text.splitlines()]
    assert head["version"] == 2
    assert all(isinstance(head[key], int) and head[key] > 0 for key in ("width", "height", "timestamp"))
    before = 0.0
    for event in events:
        at, kind, data = event
        assert isinstance(at, (int, float)) and at >= before
        assert kind in ("o", "r", "m")
        assert isinstance(data, str)
        before = at
    return events


async def test_it_works(page_as: Pages, tmp_path: Path) -> None:
    owner = await page_as("owner", "team/")
    await owner.locator("#recording-policy").get_by_role("link", name="Change").click()
    await owner.get_by_role("dialog").get_by_label("Record what terminals show").check()
    await axe(owner)
    await owner.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(owner.get_by_text("Terminals of this team are recorded from now on.")).to_be_visible()

    terminal = await open_shell(page_as)
    await expect(terminal.page.get_by_role("button", name="Recorded")).to_be_visible()
    await terminal.page.get_by_role("button", name="Recorded").click()
    await expect(terminal.page.get_by_text("Everybody in the team can play it.")).to_be_visible()
    await terminal.page.keyboard.press("Escape")
    await terminal.run("printf '\\033[32m%s-%s\\033[0m\\n' need le; exit")

    viewer = await page_as("viewer", "recordings/")
    row = viewer.locator("tr[data-key]", has_text="Ended")
    await expect(row).to_have_count(1, timeout=20_000)
    await viewer.get_by_role("searchbox").first.fill("NEED-LE")
    await viewer.keyboard.press("Enter")
    await expect(row).to_have_count(1)
    await axe(viewer)
    await row.get_by_role("link", name="box").click()
    await expect(viewer.get_by_role("heading", level=1)).to_contain_text("Terminal in box")
    await expect(viewer.locator(".ap-player")).to_be_visible()
    await viewer.get_by_label("Search what was shown").fill("need-le")
    await viewer.get_by_role("button", name="Search", exact=True).click()
    await viewer.locator(".recording-line").first.click()
    await expect(viewer.locator(".ap-player")).to_contain_text("need-le")
    await axe(viewer)
    async with viewer.expect_download() as download:
        await viewer.get_by_role("link", name="Download").click()
    await (await download.value).save_as(tmp_path / "one.cast")
    events = strict((tmp_path / "one.cast").read_text(encoding="utf-8"))
    assert "need-le" in "".join(data for _, kind, data in events if kind == "o")
    with open_from_url(str(tmp_path / "one.cast")) as recorded:
        assert "need-le" in "".join(event[2] for event in recorded.events() if event[1] == "o")
    assert await viewer.get_by_role("link", name="Delete").count() == 0


async def test_a_console_that_is_killed_goes_on(page_as: Pages, stack: Stack, tmp_path: Path) -> None:
    terminal = await open_shell(page_as)
    await terminal.run("for i in $(seq 1 80); do echo tick-$i-tock; sleep .05; done; echo over-and-$((1+1))")
    await terminal.until_line("tick-20-tock")
    stack.kill("console")
    await terminal.until_line("over-and-2")
    await terminal.run("exit")
    viewer = await page_as("viewer")
    ended = viewer.locator("tr[data-key]", has_text="Ended")

    async def listed() -> None:
        await viewer.goto(page_as.site.url("recordings/?q=over-and-2&state=ended"))
        await expect(ended).to_have_count(1, timeout=3000)

    await patiently(listed)
    await ended.get_by_role("link", name="box", exact=True).click()
    async with viewer.expect_download() as download:
        await viewer.get_by_role("link", name="Download").click()
    await (await download.value).save_as(tmp_path / "killed.cast")
    events = strict((tmp_path / "killed.cast").read_text(encoding="utf-8"))
    text = "".join(data for _, kind, data in events if kind == "o")
    assert [text.count(f"tick-{number}-tock") for number in range(1, 81)] == [1] * 80


async def patiently(attempt: Callable[[], Awaitable[None]]) -> None:
    """Again and again until it holds, or for good once the time is over."""
    for _ in range(8):
        try:
            return await attempt()
        except AssertionError:
            continue
    return await attempt()


async def test_it_fits_a_phone(page_as: Pages) -> None:
    page = await page_as("owner", "recordings/", width=360)
    await fits(page)
    ended = page.locator("tr[data-key]", has_text="Ended")
    number = await ended.count()
    await ended.first.get_by_role("link", name="box", exact=True).click()
    await expect(page.locator(".ap-player")).to_be_visible()
    await fits(page)
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete recording").click()
    await expect(page.get_by_text("was deleted")).to_be_visible()
    await expect(page.get_by_role("heading", name="Recordings")).to_be_visible()
    await expect(ended).to_have_count(number - 1)
