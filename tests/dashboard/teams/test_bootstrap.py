"""``manage.py bootstrap``."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as conf
from django.core.management import CommandError, call_command

from dashboard.accounts.models import User
from dashboard.audit.models import Event
from dashboard.teams.management.commands import bootstrap
from dashboard.teams.models import Membership, Team

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = {"api_endpoint": "http://127.0.0.1:8001/v2/sandboxes/", "console_key": "k-1"}


@pytest.fixture(autouse=True)
def _only_ours(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """Keep the process's own key, the test's database and the umask as they are."""
    del db
    settings.SECRET_KEY_FILE = tmp_path / "secret-key"
    monkeypatch.setattr(bootstrap, "call_command", lambda *args, **options: None)
    monkeypatch.setattr(bootstrap.os, "umask", lambda mask: None)


def run(monkeypatch: pytest.MonkeyPatch, given: object, **options: object) -> dict[str, str]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given if isinstance(given, str) else json.dumps(given)))
    out = io.StringIO()
    call_command("bootstrap", stdout=out, **options)
    answer: dict[str, str] = json.loads(out.getvalue())
    return answer


def test_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, GIVEN)
    person = User.objects.get(username="admin")
    assert answer["username"] == "admin"
    assert person.check_password(answer["password"])
    team = Team.objects.get()
    assert (team.name, team.api_endpoint, team.api_key) == (
        "Default team",
        "http://127.0.0.1:8001/v2/sandboxes",
        "k-1",
    )
    assert Membership.objects.get().role == "owner"
    assert conf.SECRET_KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert conf.SECRET_KEY_FILE.read_text().strip() == conf.SECRET_KEY


def test_again_it_changes_nothing_and_tells_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, GIVEN)
    key, events = conf.SECRET_KEY_FILE.read_text(), Event.objects.count()
    assert run(monkeypatch, GIVEN) == {"username": "admin"}
    assert run(monkeypatch, "") == {"username": "admin"}
    assert conf.SECRET_KEY_FILE.read_text() == key
    assert (User.objects.count(), Team.objects.count(), Event.objects.count()) == (1, 1, events)


def test_a_lost_password_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = run(monkeypatch, GIVEN)["password"]
    given = run(monkeypatch, GIVEN, new_password=True)["password"]
    person = User.objects.get()
    assert person.check_password(given)
    assert not person.check_password(lost)


def test_another_port_or_key_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, GIVEN)
    run(monkeypatch, {"api_endpoint": "http://127.0.0.1:9001/v2/sandboxes", "console_key": None})
    team = Team.objects.get()
    assert (team.api_endpoint, team.api_key) == ("http://127.0.0.1:9001/v2/sandboxes", "k-1")
    run(monkeypatch, GIVEN | {"console_key": "k-2"})
    assert Team.objects.get().api_key == "k-2"
    assert Event.objects.filter(action="team.connected").count() == 2


def test_a_stored_key_that_no_longer_opens_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, GIVEN)
    monkeypatch.setattr(conf, "SECRET_KEY", "another key, as long as a key of a machine has to be")
    run(monkeypatch, GIVEN | {"console_key": "k-3"})
    assert Team.objects.get().api_key == "k-3"


@pytest.mark.parametrize("given", ["{", "[]", '{"api_endpoint": 3}'])
def test_input_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    with pytest.raises(CommandError, match="Standard input"):
        run(monkeypatch, given)
    assert not User.objects.exists()


def test_the_first_team_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="console_key"):
        run(monkeypatch, GIVEN | {"console_key": ""})
