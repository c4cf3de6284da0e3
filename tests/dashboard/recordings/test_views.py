"""The pages: who sees, plays, deletes and decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from dashboard.audit.models import Event
from dashboard.recordings import cast as casts
from dashboard.recordings.models import Recording, RecordingPolicy, State
from dashboard.recordings.store import cast_path, text_path

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

ROLES = ["owner", "admin", "member", "viewer"]


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make(cast, "needle in <script>alert(1)</script> hay")


def make(cast: Cast, text: str, **fields: Any) -> Recording:
    wanted: dict[str, Any] = {"sandbox_name": "box", "person_name": "member", "state": State.ENDED}
    wanted |= {"started_at": timezone.now(), "ended_at": timezone.now(), "team": cast.team, "seconds": 65.0}
    made = Recording.objects.create(sandbox_id="0a4f", **wanted | fields)
    writer = casts.CastWriter(cast_path(made.id))
    writer.write(casts.heading(80, 24, 1000, "box") + casts.line_of(casts.CastEvent(61.5, "o", f"\x1b[31m{text}\r\n")))
    writer.close()
    made.size = cast_path(made.id).stat().st_size
    made.save()
    return made


def address(name: str, recording: Recording | None = None) -> str:
    return reverse(name, kwargs={"team": "blue"} | ({"recording_id": recording.id} if recording else {}))


def body(answer: Any) -> bytes:
    async def all_of() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(all_of)()


@pytest.mark.parametrize("role", ROLES)
def test_it_works(cast: Cast, recording: Recording, role: str) -> None:
    browser = cast.client(getattr(cast, role))
    listed = browser.get(address("recording_list")).content.decode()
    assert str(recording.id) in listed
    assert "1:05" in listed
    page = browser.get(address("recording", recording))
    assert page.status_code == 200
    assert ("Delete" in page.content.decode()) == (role in {"owner", "admin"})
    found = json.loads(browser.get(address("recording_search", recording) + "?q=NEEDLE").content)
    assert found == {
        "found": [{"at": 61.5, "time": "1:01", "text": "needle in <script>alert(1)</script> hay"}],
        "more": False,
    }
    deleted = browser.post(address("recording_delete", recording))
    assert deleted.status_code == (302 if role in {"owner", "admin"} else 403)
    assert cast_path(recording.id).exists() == (role in {"member", "viewer"})


@pytest.mark.parametrize("name", ["recording", "recording_file", "recording_search", "recording_delete"])
def test_of_another_team_there_is_nothing(cast: Cast, recording: Recording, name: str) -> None:
    assert cast.client(cast.outsider).get(address(name, recording)).status_code == 404
    elsewhere = reverse(name, kwargs={"team": "green", "recording_id": recording.id})
    assert cast.client(cast.outsider).get(elsewhere).status_code == 404


def test_only_the_players_page_may_compile(cast: Cast, recording: Recording) -> None:
    browser = cast.client(cast.viewer)
    policy = browser.get(address("recording", recording)).headers["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy + ";"
    assert "wasm" not in browser.get(address("recording_list")).headers["Content-Security-Policy"]


def test_the_file_has_whole_lines_and_a_name(cast: Cast, recording: Recording) -> None:
    path = cast_path(recording.id)
    whole = path.read_bytes()
    path.write_bytes(whole + b'[99, "o", "to')
    answer = cast.client(cast.viewer).get(address("recording_file", recording) + "?download")
    assert body(answer) == whole
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{recording.id}.cast"'
    assert answer.headers["Content-Type"] == "application/x-asciicast"
    path.unlink()
    assert cast.client(cast.viewer).get(address("recording_file", recording)).status_code == 404
    assert "is gone" in cast.client(cast.viewer).get(address("recording", recording)).content.decode()


def test_the_list_searches_what_was_shown(cast: Cast, recording: Recording) -> None:
    other = make(cast, "something else", sandbox_name="needles")
    third = make(cast, "something else", state=State.RECORDING, ended_at=None, person_name="owner")

    def ids(query: str) -> set[str]:
        text = cast.client(cast.viewer).get(address("recording_list") + query).content.decode()
        return {str(each.id) for each in (recording, other, third) if f"recordings/{each.id}/" in text}

    assert ids("?q=needle") == {str(recording.id), str(other.id)}
    assert ids("?q=Something%20else") == {str(other.id), str(third.id)}
    assert ids("?state=recording") == {str(third.id)}
    assert ids("?person=member") == {str(recording.id), str(other.id)}
    assert text_path(recording.id).exists()
    assert not text_path(third.id).exists()


def test_one_that_goes_on_is_not_deleted(cast: Cast, recording: Recording) -> None:
    Recording.objects.update(state=State.RECORDING)
    answer = cast.client(cast.owner).post(address("recording_delete", recording))
    assert answer.status_code == 409
    assert "still being recorded" in answer.content.decode()
    assert cast_path(recording.id).exists()


def test_a_deletion_is_in_the_activity(cast: Cast, recording: Recording) -> None:
    cast.client(cast.admin).post(address("recording_delete", recording))
    event = Event.objects.get(action="recording.deleted")
    assert (event.actor_name, event.target, event.detail["of"]) == ("admin", "box", "member")


def decide(cast: Cast, role: str, **fields: Any) -> Any:
    return cast.client(getattr(cast, role)).post(address("recording_policy"), fields)


@pytest.mark.parametrize("role", ROLES)
def test_owner_and_admin_decide(cast: Cast, role: str) -> None:
    answer = decide(cast, role, enabled="on", days="7", max_mb="8")
    assert answer.status_code == (302 if role in {"owner", "admin"} else 403)
    if role in {"member", "viewer"}:
        assert not RecordingPolicy.objects.exists()
        return
    policy = RecordingPolicy.objects.get(team=cast.team)
    assert (policy.enabled, policy.days, policy.max_mb) == (True, 7, 8)
    assert policy.since is not None
    detail = Event.objects.get(action="team.recording_changed").detail
    assert detail == {"recording": "on", "days": 7, "max_mb": 8}
    assert "kept for 7 days" in cast.client(cast.viewer).get("/t/blue/team/").content.decode()
    assert "Recorded" in cast.client(cast.viewer).get(address("recording_sign")).content.decode()


@pytest.mark.parametrize("days", ["0", "366", "many", ""])
def test_what_cannot_be_kept_is_refused(cast: Cast, days: str) -> None:
    assert decide(cast, "owner", enabled="on", days=days, max_mb="8").status_code == 422
    assert not RecordingPolicy.objects.exists()


def test_it_is_off_until_somebody_decides(cast: Cast) -> None:
    assert "Recorded" not in cast.client(cast.viewer).get(address("recording_sign")).content.decode()
    assert "<strong>Off.</strong>" in cast.client(cast.viewer).get("/t/blue/team/").content.decode()
