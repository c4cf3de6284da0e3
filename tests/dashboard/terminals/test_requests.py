"""What the open page asks: layout, names, ends; by whom it may be asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard.audit.models import Event
from dashboard.terminals.models import TerminalSession, Workspace
from dashboard.terminals.requests import MOST_BODY
from tests.dashboard.terminals.test_views import address, make, new_session, page_data

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi


@pytest.fixture
def session(cast: Cast, fake: FakeApi) -> TerminalSession:
    make(fake, "box")
    return new_session(cast, fake)


def post(cast: Cast, person: Any, name: str, body: object = None, **more: Any) -> HttpResponse:
    answer: HttpResponse = cast.client(person).post(address(name, **more), json.dumps(body or {}), "application/json")
    return answer


def layout_of(*ids: object) -> dict[str, Any]:
    return {"tabs": [{"panes": [str(each)], "direction": "row"} for each in ids]}


def test_it_works(cast: Cast, fake: FakeApi, session: TerminalSession) -> None:
    other = new_session(cast, fake)
    assert post(cast, cast.owner, "terminal_layout", layout_of(other.id, session.id)).status_code == 200
    answer = cast.client(cast.owner).get(address("terminal"))
    assert answer.url == address("terminal_session", session_id=other.id)  # type: ignore[attr-defined]
    data = page_data(cast.client(cast.owner).get(answer.url))  # type: ignore[attr-defined]
    assert data["layout"] == layout_of(other.id, session.id)


def test_everybody_arranges_for_themselves(cast: Cast, session: TerminalSession) -> None:
    post(cast, cast.owner, "terminal_layout", layout_of(session.id))
    post(cast, cast.viewer, "terminal_layout", layout_of())
    assert Workspace.objects.count() == 2
    data = page_data(cast.client(cast.member).get(address("terminal_session", session_id=session.id)))
    assert data["layout"] == {"tabs": []}


def test_a_layout_is_kept_once_and_changes(cast: Cast, session: TerminalSession) -> None:
    for ids in ([session.id], []):
        post(cast, cast.owner, "terminal_layout", layout_of(*ids))
    assert Workspace.objects.get().layout == {"tabs": []}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"tabs": {}},
        {"tabs": [{}]},
        {"tabs": [{"panes": [], "direction": "row"}]},
        {"tabs": [{"panes": ["<script>"], "direction": "row"}]},
        {"tabs": [{"panes": ["0a4ff2b1-0000-4000-8000-000000000001"] * 5, "direction": "row"}]},
        {"tabs": [{"panes": ["0a4ff2b1-0000-4000-8000-000000000001"], "direction": "up"}]},
        {"tabs": [{"panes": ["0a4ff2b1-0000-4000-8000-000000000001"], "direction": "row"}] * 33},
    ],
)
def test_what_is_no_layout_is_refused_in_words(cast: Cast, session: TerminalSession, body: object) -> None:
    del session
    client = cast.client(cast.owner)
    answer = client.post(address("terminal_layout"), json.dumps(body), "application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not Workspace.objects.exists()


@pytest.mark.parametrize("text", ["{", "[" * 30_000, " " * (MOST_BODY + 1)])
def test_what_is_no_json_is_refused(cast: Cast, session: TerminalSession, text: str) -> None:
    del session
    answer = cast.client(cast.owner).post(address("terminal_layout"), text, "application/json")
    assert answer.status_code in (400, 413)


def test_a_name_is_for_everybody_and_an_activity(cast: Cast, session: TerminalSession) -> None:
    answer = post(cast, cast.member, "terminal_rename", {"title": " build <b> "}, session_id=session.id)
    assert answer.status_code == 200
    data = page_data(cast.client(cast.owner).get(address("terminal_session", session_id=session.id)))
    assert data["sessions"][0]["title"] == "build <b>"
    event = Event.objects.get(action="terminal.renamed")
    assert (event.actor, event.detail["to"]) == (cast.member, "build <b>")


@pytest.mark.parametrize("title", ["x" * 101, "a\x1bb", "a\nb", 7, None])
def test_a_name_is_a_line_of_text(cast: Cast, session: TerminalSession, title: object) -> None:
    assert post(cast, cast.owner, "terminal_rename", {"title": title}, session_id=session.id).status_code == 400
    session.refresh_from_db()
    assert session.title == ""


def test_a_shell_that_never_started_is_ended_without_a_word_to_the_server(cast: Cast, session: TerminalSession) -> None:
    assert post(cast, cast.owner, "terminal_end", session_id=session.id).status_code == 200
    session.refresh_from_db()
    assert session.ended_at is not None
    event = Event.objects.get(action="terminal.ended")
    assert event.actor == cast.owner


def test_a_shell_that_cannot_be_reached_is_not_ended(cast: Cast, fake: FakeApi, session: TerminalSession) -> None:
    TerminalSession.objects.filter(id=session.id).update(started_at=timezone.now())
    del fake.sandboxes["box"]
    assert post(cast, cast.owner, "terminal_end", session_id=session.id).status_code == 404
    session.refresh_from_db()
    assert session.ended_at is None


def test_what_runs_is_not_known_before_the_shell_runs(cast: Cast, session: TerminalSession) -> None:
    answer = cast.client(cast.owner).get(address("terminal_running", session_id=session.id))
    assert answer.json() == {"known": False, "running": []}


WRITES = ["terminal_new", "terminal_rename", "terminal_end"]


@pytest.mark.parametrize("name", WRITES)
def test_a_viewer_changes_nothing(cast: Cast, session: TerminalSession, name: str) -> None:
    more = {} if name == "terminal_new" else {"session_id": session.id}
    assert post(cast, cast.viewer, name, {"title": "x"}, **more).status_code == 403


@pytest.mark.parametrize("name", [*WRITES, "terminal_layout", "terminal_running", "terminal_links"])
def test_an_outsider_finds_nothing(cast: Cast, session: TerminalSession, name: str) -> None:
    more = {} if name in ("terminal_new", "terminal_layout") else {"session_id": session.id}
    client = cast.client(cast.outsider)
    for where in (address(name, **more), address(name, **more).replace("/blue/", "/green/")):
        body = json.dumps({**layout_of(), "seconds": 600})
        answer = client.get(where) if name == "terminal_running" else client.post(where, body, "application/json")
        assert answer.status_code in (404, 502)
    assert TerminalSession.objects.count() == 1
    assert not Workspace.objects.exists()


def test_nobody_is_sent_to_sign_in(cast: Cast, session: TerminalSession) -> None:
    answer = post(cast, None, "terminal_end", session_id=session.id)
    assert answer.url.startswith(reverse("account_login"))  # type: ignore[attr-defined]
