"""Making a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from tests.dashboard.fake_api import invalid, refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/new"
FORM = {"template": "python", "name": "alpha", "lifetime": "3600", "idle": "0"}


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    browser = cast.client(cast.member)
    assert "Create sandbox" in browser.get(URL).content.decode()
    answer = browser.post(URL, FORM)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/t/blue/sandboxes/alpha/"
    made = fake.sandboxes["alpha"]
    assert (made["template_name"], made["ttl_seconds"], made["created_by"]) == ("python", 3600, "member")
    event = Event.objects.get()
    assert (event.action, event.target, event.actor_name) == ("sandbox.created", "alpha", "member")


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("admin", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_template("python")
    assert cast.client(getattr(cast, who)).post(URL, FORM).status_code == status
    assert ("alpha" in fake.sandboxes) is (status == 302)


def test_a_viewer_reads_which_role_is_needed(cast: Cast) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "You are viewer of Blue" in page
    assert "owner, admin or member" in page


def test_without_a_name_one_is_made_up(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    answer = cast.client(cast.member).post(URL, FORM | {"name": ""})
    (name,) = fake.sandboxes
    assert answer.headers["Location"] == f"/t/blue/sandboxes/{name}/"


def test_a_taken_name_is_said_beside_the_field_and_the_input_kept(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_sandbox("alpha")
    answer = cast.client(cast.member).post(URL, FORM)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "a sandbox named &#x27;alpha&#x27; exists" in page
    assert 'value="alpha"' in page
    assert 'aria-invalid="true"' in page
    assert '<option value="3600" selected>' in page
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(429, "QuotaExceeded", "sandbox count limit of 10 reached"), "sandbox count limit of 10 reached"),
        (refusal(503, "Unschedulable", "no room on any machine"), "no room on any machine"),
        (invalid(["name"], "only lower-case letters"), "only lower-case letters"),
        (invalid(["template_name"], "no such template"), "no such template"),
        (refusal(500, "InternalError", "the disk is full"), "the disk is full"),
    ],
)
def test_the_servers_words_are_shown(
    cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch, answer: object, words: str
) -> None:
    fake.add_template("python")
    monkeypatch.setattr(fake, "refuse_create", answer)
    page = cast.client(cast.member).post(URL, FORM)
    assert page.status_code == 422
    assert words in page.content.decode()
    assert 'value="alpha"' in page.content.decode()


def test_without_templates_it_leads_to_making_one(cast: Cast) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "A template comes first" in page
    assert "/t/blue/templates/new" in page


def test_an_unknown_lifetime_is_refused(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    assert cast.client(cast.member).post(URL, FORM | {"lifetime": "7"}).status_code == 422
    assert not fake.sandboxes
