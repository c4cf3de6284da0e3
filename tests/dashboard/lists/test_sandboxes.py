"""The list of sandboxes on a real server: what it asks is what the server answers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from dashboard.resources.lists.sandboxes import SANDBOXES
from tests.dashboard.downloads import text_of

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace

URL = "/t/blue/sandboxes/"


@pytest.fixture
def boxes(server: Workspace) -> list[str]:
    """Three sandboxes: one with an end, one that stops when idle, one of another template."""
    with server.client() as client:
        for template in ("python", "node"):
            client.create_template(name=template, image="host", cpu="100m", memory="64Mi")
        client.create_sandbox(template_name="python", name="alpha", ttl_seconds=7200)
        client.create_sandbox(template_name="python", name="beta", idle_ttl_seconds=3600)
        client.create_sandbox(template_name="node", name="gamma")
    return ["alpha", "beta", "gamma"]


def shown(page: str, names: list[str]) -> set[str]:
    return {name for name in names if f'data-label="{name}"' in page}


def test_it_works(cast: Cast, boxes: list[str]) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert shown(page, boxes) == set(boxes)
    for words in ("1&ndash;3 of 3 sandboxes", "cold start", "lifetime", "if idle", "never"):
        assert words in page


def test_what_is_asked_is_what_is_found(cast: Cast, boxes: list[str]) -> None:
    browser = cast.client(cast.viewer)
    for asked, found in (
        ({"q": "ALPH"}, {"alpha"}),
        ({"template": "node"}, {"gamma"}),
        ({"template": ["node", "python"]}, {"alpha", "beta", "gamma"}),
        ({"status": "failed"}, set()),
        ({"pool": "none-such"}, set()),
        ({"created_by": "nobody"}, set()),
    ):
        assert shown(browser.get(URL, asked).content.decode(), boxes) == found, asked


def test_every_order_that_a_heading_offers_is_one_of_the_servers(cast: Cast, boxes: list[str]) -> None:
    browser = cast.client(cast.viewer)
    for order in SANDBOXES.sorts:
        for sort in (order, f"-{order}"):
            assert shown(browser.get(URL, {"sort": sort}).content.decode(), boxes) == set(boxes), sort


def test_the_file_has_what_the_page_has(cast: Cast, boxes: list[str]) -> None:
    answer = cast.client(cast.viewer).get(f"{URL}export.csv", {"sort": "name"})
    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert [row["Name"] for row in rows] == boxes
    assert all(row["State"] == "ready" for row in rows)
    assert [bool(row["Stops"]) for row in rows] == [True, True, False]


def test_what_has_ended_is_in_the_history(cast: Cast, server: Workspace, boxes: list[str]) -> None:
    with server.client() as client:
        client.delete_sandbox("alpha")
    page = cast.client(cast.viewer).get("/t/blue/history/").content.decode()
    assert shown(page, boxes) == {"alpha"}
    assert "it was deleted" in page
    for sort in ("name", "-created_at", "ended_at"):
        assert shown(cast.client(cast.viewer).get("/t/blue/history/", {"sort": sort}).content.decode(), boxes)
    narrowed = cast.client(cast.viewer).get("/t/blue/history/", {"stop_reason": "idle"}).content.decode()
    assert "Nothing matches" in narrowed
    assert shown(cast.client(cast.viewer).get(URL).content.decode(), boxes) == {"beta", "gamma"}
