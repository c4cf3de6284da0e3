"""Static files: collected with hashed names, compressed, served with the right headers."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import AsyncClient

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def collected(settings: Any) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "dashboard.static_files.StaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    root: Path = settings.STATIC_ROOT
    return root


def test_modules_import_each_other_by_hashed_names(collected: Path) -> None:
    name = staticfiles_storage.stored_name("js/console.js")
    imports = re.findall(r'from "\./([\w.]+)"', (collected / name).read_text())
    assert imports
    for each in imports:
        assert re.search(r"\.[0-9a-f]{12}\.js$", each)
        assert (collected / "js" / each).is_file()


async def test_a_file_is_served_compressed_and_for_ever(collected: Path) -> None:
    url = staticfiles_storage.url("css/console.css")
    answer = await AsyncClient().get(url, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"].startswith("text/css")
    body = b"".join([chunk async for chunk in answer.streaming_content])
    assert b".console-dialog" in gzip.decompress(body)


async def test_a_missing_file_and_a_path_out_of_the_folder_are_not_found(collected: Path) -> None:
    for path in ("/static/none.css", "/static/../console.sqlite3", "/static/..%2f..%2fetc/passwd"):
        assert (await AsyncClient().get(path)).status_code == 404
