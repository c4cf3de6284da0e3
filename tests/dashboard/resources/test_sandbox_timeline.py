"""The timeline of a sandbox, living or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.resources.timeline import line_of, lines_of
from sandboxcore import TimelineEntry

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace

URL = "/t/blue/sandboxes/box/timeline/"


@pytest.fixture
def box(server: Workspace) -> str:
    """A sandbox in which something happened; its identifier."""
    with server.client() as client:
        client.create_template("python", "host")
        sandbox = client.create_sandbox("python", name="box", idle_ttl_seconds=900)
        sandbox.run("echo '<i>'; exit 3", shell="/bin/sh")  # noqa: S604 - in the sandbox
        sandbox.write("note.txt", "x")
        return str(sandbox.id)


def test_it_works(cast: Cast, box: str) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    for shown in (
        "Why it is alive",
        "if nothing happens in it",
        "Ready after",
        "created it from the template",
        "exit code 3",
    ):
        assert shown in page, shown
    assert "<i>" not in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, box: str, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_kinds_are_chosen(cast: Cast, box: str) -> None:
    page = cast.client(cast.viewer).get(URL, {"show": ["commands"]}).content.decode()
    assert "exit code 3" in page
    assert "created it from the template" not in page


def test_it_outlives_the_sandbox(cast: Cast, server: Workspace, box: str) -> None:
    with server.client() as client:
        client.delete_sandbox("box")
    browser = cast.client(cast.viewer)
    assert browser.get(URL).headers["Location"] == f"/t/blue/history/{box}/"
    page = browser.get(f"/t/blue/history/{box}/").content.decode()
    for shown in ("it was deleted", "exit code 3", "Ready after"):
        assert shown in page, shown
    assert cast.client(cast.outsider).get(f"/t/blue/history/{box}/").status_code == 404


def test_the_history_of_one_that_lives_is_its_page(cast: Cast, box: str) -> None:
    answer = cast.client(cast.viewer).get(f"/t/blue/history/{box}/")
    assert answer.headers["Location"] == "/t/blue/sandboxes/box/"


def test_one_that_never_was_is_not_found(cast: Cast, box: str) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    assert cast.client(cast.viewer).get(f"/t/blue/history/{unknown}/").status_code == 404


def test_hostile_entries_are_only_shown() -> None:
    summary = {"paths": ["a\u202eb", 7], "count": "many", "bytes": -1}
    line = line_of(TimelineEntry("2026-01-31", "file.written", "x\x1b[2J", "", summary), {})
    assert line.actor == "x⟨001B⟩[2J"
    assert list(line.what) == ["a⟨202E⟩b", "7"]
    assert lines_of([TimelineEntry("2026-01-31", "new.kind")], ["life"])[0].words == "new.kind"
