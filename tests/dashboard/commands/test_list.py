"""The list of a sandbox's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.commands.list import COMMANDS
from dashboard.terminals.models import TerminalSession
from dashboard.terminals.shell import SHELL

if TYPE_CHECKING:
    from tests.dashboard.commands.conftest import Box
    from tests.dashboard.conftest import Cast

URL = "/t/blue/sandboxes/box/commands/"


def test_it_works(cast: Cast, box: Box) -> None:
    box.done("echo <b>; exit 3")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "echo &lt;b&gt;; exit 3" in page
    assert "<b>" not in page
    assert "failed" in page
    assert "SDK stream" in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, box: Box, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_only_who_may_run_gets_the_box(cast: Cast, box: Box) -> None:
    assert "data-run-box" in cast.client(cast.member).get(URL).content.decode()
    assert "data-run-box" not in cast.client(cast.viewer).get(URL).content.decode()


def test_filters_and_search_are_the_servers(cast: Cast, box: Box) -> None:
    box.done("echo first")
    running = box.start("sleep 30")
    box.recorded(running, ended=False)
    browser = cast.client(cast.viewer)
    for asked, shown, hidden in (
        ({"status": "running"}, "sleep 30", "echo first"),
        ({"q": "FIRST"}, "echo first", "sleep 30"),
        ({"origin": "http"}, "Nothing matches", "echo first"),
    ):
        page = browser.get(URL, asked, headers={"HX-Request": "true"}).content.decode()
        assert shown in page, asked
        assert hidden not in page, asked


def test_every_order_is_one_of_the_servers(cast: Cast, box: Box) -> None:
    box.done("true")
    browser = cast.client(cast.viewer)
    for order in COMMANDS.sorts:
        page = browser.get(URL, {"sort": f"-{order}"}, headers={"HX-Request": "true"}).content.decode()
        assert "commands/" in page, order
        assert "empty-title" not in page, order


def test_the_end_of_a_running_one_is_offered_to_who_may(cast: Cast, box: Box) -> None:
    box.recorded(box.start("sleep 30"), ended=False)
    assert "/kill" in cast.client(cast.member).get(URL).content.decode()
    assert "/kill" not in cast.client(cast.viewer).get(URL).content.decode()


def test_a_terminal_is_called_so_and_not_by_what_starts_its_shell(cast: Cast, box: Box) -> None:
    started = box.start(SHELL, pty=True)
    untitled = box.start(SHELL, pty=True)
    TerminalSession.objects.create(id=started, team=cast.team, sandbox_id="1", sandbox_name="box", title="build <b>")
    for each in (started, untitled):
        box.recorded(each, ended=False)
    browser = cast.client(cast.viewer)
    page = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "Terminal: build &lt;b&gt;" in page
    assert 'data-label="Terminal"' in page
    assert "command -v" not in page
    assert "command -v bash" in browser.get(f"{URL}{started}/").content.decode()
    story = browser.get("/t/blue/sandboxes/box/timeline/").content.decode()
    assert "<bdi>Terminal: build &lt;b&gt;</bdi>" in story
    assert "command -v" not in story
