"""Vendored assets are what their list says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings

from dashboard import vendored
from dashboard.sections import ACTIONS, SECTIONS
from tools.vendored import VENDOR, hashes

PACKAGES: list[dict[str, Any]] = json.loads((VENDOR / "VENDORED.json").read_text(encoding="utf-8"))


def test_every_folder_is_listed_once() -> None:
    listed = [package["folder"] for package in PACKAGES]
    assert sorted(listed) == sorted(path.name for path in VENDOR.iterdir() if path.is_dir())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_files_are_those_that_were_vendored(package: dict[str, Any]) -> None:
    assert package["files"] == hashes(VENDOR / package["folder"])
    assert package["version"] in package["folder"]
    assert package["licence"]
    assert any(name.startswith("LICENSE") for name in package["files"])


def test_pages_name_the_folders_that_there_are() -> None:
    for folder in (vendored.TABLER, vendored.BOOTSTRAP, vendored.HTMX, vendored.IDIOMORPH, vendored.ICONS):
        assert (settings.BASE_DIR / "static" / folder).is_dir()


def test_every_icon_that_a_page_draws_is_vendored_and_no_other() -> None:
    pages = (settings.BASE_DIR / "templates").rglob("*.html")
    drawn = {name for page in pages for name in re.findall(r'{% icon "([\w-]+)"', page.read_text())}
    drawn |= named_by_lists() | {place.icon for place in (*SECTIONS, *ACTIONS)}
    icons = settings.BASE_DIR / "static" / vendored.ICONS
    assert drawn == {path.stem for path in icons.glob("*.svg")}


def named_by_lists() -> set[str]:
    """Icons that lists declare for their buttons and for where nothing is yet."""
    lists = [
        path
        for folder in ("resources/lists", "audit")
        for path in (settings.BASE_DIR / "dashboard" / folder).glob("*.py")
    ]
    declared = r'(?:Link\(\s*"[^"]+",\s*|Empty\(\s*|icon=)"([\w-]+)"'
    return {name for path in lists for name in re.findall(declared, path.read_text())}
