"""The pages: who sees a terminal, which one, and who starts another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from dashboard.audit.models import Event
from dashboard.terminals.models import TerminalSession

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi


@pytest.fixture
def box(cast: Cast, fake: FakeApi) -> str:
    """A ready sandbox's name."""
    make(fake, "box")
    return "box"


def make(fake: FakeApi, name: str) -> None:
    fake.add_template("small")
    fake.add_sandbox(name, "small")


def address(name: str, box: str = "box", **more: Any) -> str:
    return reverse(name, kwargs={"team": "blue", "name": box, **more})


def new_session(cast: Cast, fake: FakeApi, **fields: Any) -> TerminalSession:
    sandbox_id = fake.sandboxes["box"]["id"]
    defaults = {"team": cast.team, "sandbox_id": sandbox_id, "sandbox_name": "box", "created_by": cast.owner}
    return TerminalSession.objects.create(**{**defaults, **fields})


def test_it_works(cast: Cast, fake: FakeApi, box: str) -> None:
    session = new_session(cast, fake)
    answer = cast.client(cast.owner).get(address("terminal_session", session_id=session.id))
    assert answer.status_code == 200
    data = page_data(answer)
    assert (data["active"], data["may_write"], data["sandbox"]) == (str(session.id), True, "box")
    assert [(each["id"], each["number"], each["ended"]) for each in data["sessions"]] == [(str(session.id), 1, False)]


def page_data(answer: Any) -> dict[str, Any]:
    """What the page's script is given."""
    found = re.search(r'<script id="terminal-data" type="application/json">(.*?)</script>', answer.content.decode())
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_scripts_stay_forbidden_and_styles_need_the_nonce(cast: Cast, fake: FakeApi, box: str) -> None:
    session = new_session(cast, fake)
    answer = cast.client(cast.owner).get(address("terminal_session", session_id=session.id))
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == "'self'"
    own, nonce = policy["style-src"].split()
    assert own == "'self'"
    assert nonce.startswith("'nonce-")
    assert f'data-nonce="{nonce[7:-1]}"' in answer.content.decode()


def test_without_a_shell_the_page_starts_one(cast: Cast, box: str) -> None:
    answer = cast.client(cast.member).get(address("terminal"))
    assert answer.status_code == 200
    data = page_data(answer)
    assert (data["active"], data["sessions"], data["may_write"]) == (None, [], True)


def test_looking_makes_nothing(cast: Cast, box: str) -> None:
    cast.client(cast.member).get(address("terminal"))
    assert not TerminalSession.objects.exists()


def test_a_new_shell_is_noted(cast: Cast, fake: FakeApi, box: str) -> None:
    answer = cast.client(cast.member).post(address("terminal_new"), {"folder": "/srv"}, "application/json")
    session = TerminalSession.objects.get()
    assert answer.json() == {
        "id": str(session.id),
        "number": 1,
        "title": "",
        "created_by": "member",
        "mine": True,
        "ended": False,
    }
    assert session.folder == "/srv"
    assert (session.sandbox_id, session.created_by) == (fake.sandboxes["box"]["id"], cast.member)
    event = Event.objects.get(action="terminal.opened")
    assert (event.actor, event.target, event.detail) == (cast.member, "box", {"session": str(session.id)})


def test_the_tab_goes_on_with_the_newest_shell_of_ones_own(cast: Cast, fake: FakeApi, box: str) -> None:
    new_session(cast, fake)
    newest = new_session(cast, fake)
    new_session(cast, fake, created_by=cast.member)
    answer = cast.client(cast.owner).get(address("terminal"))
    assert answer.url == address("terminal_session", session_id=newest.id)  # type: ignore[attr-defined]


def test_the_tab_passes_over_what_has_ended(cast: Cast, fake: FakeApi, box: str) -> None:
    from django.utils import timezone

    new_session(cast, fake, ended_at=timezone.now())
    assert cast.client(cast.owner).get(address("terminal")).status_code == 200


def test_the_tab_passes_over_an_earlier_sandbox_of_the_name(cast: Cast, fake: FakeApi, box: str) -> None:
    new_session(cast, fake, sandbox_id="another")
    assert cast.client(cast.owner).get(address("terminal")).status_code == 200


def test_a_viewer_looks_at_anybodys(cast: Cast, fake: FakeApi, box: str) -> None:
    from django.utils import timezone

    session = new_session(cast, fake, started_at=timezone.now())
    answer = cast.client(cast.viewer).get(address("terminal"))
    assert answer.url == address("terminal_session", session_id=session.id)  # type: ignore[attr-defined]
    data = page_data(cast.client(cast.viewer).get(answer.url))  # type: ignore[attr-defined]
    assert data["may_write"] is False


def test_a_viewer_starts_none(cast: Cast, box: str) -> None:
    assert cast.client(cast.viewer).post(address("terminal_new")).status_code == 403
    assert not TerminalSession.objects.exists()


def test_looking_at_the_address_of_a_new_shell_starts_none(cast: Cast, box: str) -> None:
    assert cast.client(cast.owner).get(address("terminal_new")).status_code == 405


def test_a_new_shell_needs_the_form(cast: Cast, box: str) -> None:
    client = cast.client(cast.owner, enforce_csrf_checks=True)
    assert client.post(address("terminal_new")).status_code == 403
    assert not TerminalSession.objects.exists()


@pytest.mark.parametrize("name", ["terminal", "terminal_session"])
def test_outsiders_find_nothing(cast: Cast, fake: FakeApi, box: str, name: str) -> None:
    session = new_session(cast, fake)
    more = {"session_id": session.id} if name == "terminal_session" else {}
    assert cast.client(cast.outsider).get(address(name, **more)).status_code == 404
    theirs = address(name, **more).replace("/blue/", "/green/")
    assert str(session.id) not in cast.client(cast.outsider).get(theirs).content.decode()


def test_nobody_is_sent_to_sign_in(cast: Cast, box: str) -> None:
    answer = cast.client(None).get(address("terminal"))
    assert answer.url.startswith(reverse("account_login"))  # type: ignore[attr-defined]


def test_a_shell_of_another_sandbox_is_not_found(cast: Cast, fake: FakeApi, box: str) -> None:
    make(fake, "other")
    session = new_session(cast, fake)
    answer = cast.client(cast.owner).get(address("terminal_session", "other", session_id=session.id))
    assert answer.status_code == 404


def test_a_sandbox_that_is_gone_is_said(cast: Cast, fake: FakeApi, box: str) -> None:
    session = new_session(cast, fake)
    del fake.sandboxes["box"]
    for where in (address("terminal"), address("terminal_session", session_id=session.id)):
        assert cast.client(cast.owner).get(where).status_code == 404
    answer = cast.client(cast.owner).post(address("terminal_new"), {}, "application/json")
    assert answer.status_code == 404
    assert "box" in answer.json()["error"]
