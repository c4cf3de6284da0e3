"""Writing an event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from dashboard.audit.models import Event
from dashboard.audit.record import record
from dashboard.audit.registry import SENTENCES

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast


def test_it_works(cast: Cast) -> None:
    event = record(actor=cast.owner, team=cast.team, action="sandbox.created", target="a" * 300, detail={"n": 1})
    event.refresh_from_db()
    assert (event.actor, event.actor_name, len(event.target), event.detail) == (cast.owner, "owner", 200, {"n": 1})


def test_an_unknown_action_is_a_programming_error(cast: Cast) -> None:
    with pytest.raises(KeyError):
        record(actor=None, team=cast.team, action="sandbox.exploded", target="x")


def test_it_outlives_the_account(cast: Cast) -> None:
    record(actor=cast.outsider, team=cast.team, action="sandbox.created", target="alpha")
    cast.outsider.delete()
    event = Event.objects.get()
    assert (event.actor, event.actor_name) == (None, "outsider")


def test_every_action_that_code_records_can_be_told_and_every_sentence_is_used() -> None:
    code = "".join(path.read_text() for path in (settings.BASE_DIR / "dashboard").rglob("*.py"))
    written = re.findall(r"(?:record|note)\((?:[^()]|\([^()]*\))*\)", code)
    recorded = {name for call in written for name in re.findall(r'"([a-z]+\.[a-z_]+)"', call)}
    assert recorded == set(SENTENCES)
