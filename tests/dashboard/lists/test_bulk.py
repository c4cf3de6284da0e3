"""One action over many rows: asked, begun, worked off, told."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from dashboard.audit.models import Event
from dashboard.lists import drafts, runner
from dashboard.lists.models import BulkItem, BulkRun, ItemState, State
from dashboard.lists.runner import Runner, outcome
from dashboard.lists.spec import BulkAction
from dashboard.resources.lists.sandboxes import SANDBOXES
from dashboard.teams.access import Access
from dashboard.teams.models import Role
from sandboxcore import SandboxConnectionError, ValidationError
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/bulk"
pytestmark = pytest.mark.django_db(transaction=True)


def keys(*names: str) -> str:
    return json.dumps([[f"id-{name}", name] for name in names])


def draft(cast: Cast, names: list[str], action: str = "delete") -> BulkRun:
    answer = cast.client(cast.member).post(URL, {"action": action, "keys": keys(*names)})
    assert answer.status_code == 302
    return BulkRun.objects.get(pk=answer.headers["Location"].rstrip("/").rpartition("/")[2])


def work_off(run: BulkRun, choice: str | None = None) -> BulkRun:
    """Begin a run as its page does, and wait for its end."""

    async def whole() -> None:
        mine = Runner()
        assert await mine.start(run, choice)
        await asyncio.wait_for(asyncio.gather(*mine._tasks.values()), 20)

    async_to_sync(whole)()
    run.refresh_from_db()
    return run


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    for name in ("alpha", "beta", "gamma"):
        fake.add_sandbox(name)
    run = draft(cast, ["alpha", "beta"])
    page = cast.client(cast.member).get(f"/t/blue/runs/{run.pk}/").content.decode()
    for words in ("Delete 2 sandboxes?", "every file in them is lost", "alpha", "Delete 2<"):
        assert words in page
    assert set(fake.sandboxes) == {"alpha", "beta", "gamma"}
    assert work_off(run).state == State.DONE
    assert set(fake.sandboxes) == {"gamma"}
    assert list(run.items.values_list("label", "state")) == [("alpha", "ok"), ("beta", "ok")]
    told = Event.objects.filter(action="sandbox.deleted").values_list("target", "actor_name")
    assert sorted(told) == [("alpha", "member"), ("beta", "member")]
    page = cast.client(cast.viewer).get(f"/t/blue/runs/{run.pk}/").content.decode()
    assert "2 sandboxes deleted" in page


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 302), ("admin", 302), ("member", 302), ("viewer", 403), ("outsider", 404)]
)
def test_who_may(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_sandbox("alpha")
    answer = cast.client(getattr(cast, who)).post(URL, {"action": "delete", "keys": keys("alpha")})
    assert answer.status_code == status
    assert BulkRun.objects.exists() is (status == 302)


def test_only_who_chose_the_rows_begins_and_only_who_may_stops(cast: Cast, fake: FakeApi) -> None:
    run = draft(cast, ["alpha"])
    for person, verb, status in (
        (cast.owner, "start", 404),
        (cast.viewer, "start", 403),
        (cast.outsider, "start", 404),
        (cast.viewer, "cancel", 403),
        (cast.outsider, "cancel", 404),
        (cast.owner, "cancel", 302),
    ):
        assert cast.client(person).post(reverse(f"bulk_{verb}", args=["blue", run.pk])).status_code == status
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert cast.client(cast.outsider).get(f"/t/green/runs/{run.pk}/").status_code == 404
    assert cast.client(cast.member).get(reverse("bulk_start", args=["blue", run.pk])).status_code == 405


def test_questions_that_nobody_answers_do_not_pile_up(
    cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "DRAFTS_OF_ONE", 2)
    done = work_off(draft(cast, ["alpha"]))
    asked = [draft(cast, ["alpha"]) for _ in range(4)]
    assert set(BulkRun.objects.all()) == {done, *asked[2:]}


def test_everything_that_matches(cast: Cast, fake: FakeApi) -> None:
    for number in range(70):
        fake.add_sandbox(f"box-{number}", status="failed" if number < 61 else "ready")
    answer = cast.client(cast.member).post(URL, {"action": "delete", "all": "true", "query": "?status=failed&page=2"})
    run = BulkRun.objects.get()
    assert answer.status_code == 302
    assert run.total == run.items.count() == 61
    fake.add_sandbox("made-after-the-question", status="failed")
    work_off(run)
    assert "made-after-the-question" in fake.sandboxes
    assert len(fake.sandboxes) == 10


def test_a_failure_among_them_is_told_in_the_apis_words(cast: Cast, fake: FakeApi) -> None:
    for name in ("alpha", "beta", "gamma"):
        fake.add_sandbox(name)
    fake.refuse_delete["beta"] = refusal(409, "InUse", "beta is held by a legal department")
    run = work_off(draft(cast, ["alpha", "beta", "gamma"]))
    assert run.state == State.DONE
    assert dict(run.items.values_list("label", "state")) == {"alpha": "ok", "beta": "failed", "gamma": "ok"}
    page = cast.client(cast.member).get(f"/t/blue/runs/{run.pk}/").content.decode()
    assert "beta is held by a legal department" in page
    assert "2 sandboxes deleted, 1 failed" in page


def test_what_is_gone_already_is_no_failure(cast: Cast, fake: FakeApi) -> None:
    run = work_off(draft(cast, ["alpha"]))
    assert list(run.items.values_list("state", "message")) == [("ok", "It was gone already.")]


def test_lifetimes_are_lengthened_and_never_shortened(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("short", ttl_seconds=600)
    fake.add_sandbox("long", ttl_seconds=999_960)
    fake.add_sandbox("endless")
    run = work_off(draft(cast, ["short", "long", "endless"], "extend"), "3600")
    assert 3600 <= fake.sandboxes["short"]["ttl_seconds"] <= 3720
    assert fake.sandboxes["short"]["ttl_seconds"] % 60 == 0
    assert fake.sandboxes["long"]["ttl_seconds"] == 999_960
    assert fake.sandboxes["endless"]["ttl_seconds"] == 0
    told = dict(run.items.values_list("label", "message"))
    assert told == {"short": "", "long": "It lives longer anyway.", "endless": "It has no end."}


def test_an_interrupted_run_says_so_and_is_continued(cast: Cast, fake: FakeApi) -> None:
    for name in ("alpha", "beta"):
        fake.add_sandbox(name)
    run = draft(cast, ["alpha", "beta"])
    run.items.filter(label="alpha").update(state=ItemState.OK)
    del fake.sandboxes["alpha"]
    # As a process that was killed leaves it.
    BulkRun.objects.update(state=State.RUNNING, worker="dead", alive_at=timezone.now() - timedelta(minutes=1))
    page = cast.client(cast.member).get(f"/t/blue/runs/{run.pk}/").content.decode()
    assert "interrupted" in page
    assert "Continue" in page
    assert "interrupted" in cast.client(cast.member).get("/t/blue/sandboxes/").content.decode()
    run.refresh_from_db()
    assert work_off(run).state == State.DONE
    assert fake.sandboxes == {}


def test_a_run_that_another_process_works_on_is_not_begun_twice(cast: Cast) -> None:
    run = draft(cast, ["alpha"])
    BulkRun.objects.update(state=State.RUNNING, worker="another", alive_at=timezone.now())
    assert async_to_sync(Runner().start)(run) is False


def test_a_console_that_stops_lets_go_of_its_runs(cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    run = draft(cast, ["alpha"])
    begun = asyncio.Event()

    async def never(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(runner, "outcome", never)

    async def whole() -> None:
        mine = Runner()
        await mine.start(run)
        await asyncio.wait_for(begun.wait(), 10)
        await mine.close()

    async_to_sync(whole)()
    run.refresh_from_db()
    assert (run.state, run.reason, run.interrupted) == (State.STOPPED, "The console was restarted.", True)
    assert run.items.get().state == ItemState.WAITING


def test_a_cancelled_run_begins_no_more_rows(cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    run = draft(cast, [f"box-{number}" for number in range(30)])
    asked = 0

    async def count(*_: object) -> tuple[ItemState, str]:
        nonlocal asked
        asked += 1
        await Runner().cancel(run)
        return ItemState.OK, ""

    monkeypatch.setattr(runner, "outcome", count)
    assert work_off(run).state == State.CANCELLED
    assert asked <= runner.AT_ONCE
    assert run.items.filter(state=ItemState.WAITING).count() == 30 - asked


def test_a_run_does_not_outlive_a_membership(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    run = draft(cast, ["alpha"])
    cast.membership(cast.member).delete()
    assert work_off(run).state == State.STOPPED
    assert "may no longer" in run.reason
    assert "alpha" in fake.sandboxes


@pytest.mark.parametrize(
    "selection",
    [
        "",
        "{}",
        "[1]",
        '[["a"]]',
        '[["", "x"]]',
        '[["a\\u0000", "x"]]',
        "[" * 9999,
        '[["k", 5]]',
        "[]",
        '[["a\\ud800", "x"]]',
    ],
)
def test_a_selection_that_makes_no_sense(cast: Cast, selection: str) -> None:
    answer = cast.client(cast.member).post(URL, {"action": "delete", "keys": selection})
    assert answer.status_code == 200
    assert "elect" in answer.content.decode()
    assert not BulkRun.objects.exists()


def test_too_many_rows(cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MOST", 2)
    for name in ("alpha", "beta", "gamma"):
        fake.add_sandbox(name)
    for asked in ({"keys": keys("alpha", "beta", "gamma")}, {"all": "true", "query": ""}):
        answer = cast.client(cast.member).post(URL, {"action": "delete", **asked})
        assert "narrow the list" in answer.content.decode()
    assert not BulkRun.objects.exists()


def test_an_action_that_there_is_not(cast: Cast) -> None:
    assert cast.client(cast.member).post(URL, {"action": "explode", "keys": keys("a")}).status_code == 404


def test_hostile_names_are_escaped(cast: Cast, fake: FakeApi) -> None:
    run = draft(cast, ["<script>alert(1)</script>", "a\u202eb"])
    page = cast.client(cast.member).get(f"/t/blue/runs/{run.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "a⟨202E⟩b" in page


def test_old_runs_are_forgotten(cast: Cast) -> None:
    run = draft(cast, ["alpha"])
    BulkRun.objects.update(created_at=timezone.now() - timedelta(hours=2))
    draft(cast, ["alpha"])
    assert not BulkRun.objects.filter(pk=run.pk).exists()
    assert BulkItem.objects.count() == 1


def action_of(work: Any) -> BulkAction[Any]:
    return BulkAction("try", "Try", "check", "sandbox.view", "tried", "", work)


def test_a_failure_that_may_pass_is_tried_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSES", (0.0, 0.0))
    access = Access(cast.member, cast.team, Role.MEMBER)
    tries = 0

    async def flaky(*_: object) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise SandboxConnectionError("not now")
        return "at last"

    assert async_to_sync(outcome)(action_of(flaky), access, "k", "") == (ItemState.OK, "at last")
    assert tries == 3

    async def away(*_: object) -> str:
        raise SandboxConnectionError("never")

    assert async_to_sync(outcome)(action_of(away), access, "k", "") == (ItemState.FAILED, "never")


def test_a_failure_that_will_not_pass_is_not(cast: Cast) -> None:
    tries = 0

    async def wrong(*_: object) -> str:
        nonlocal tries
        tries += 1
        raise ValidationError("no such thing")

    access = Access(cast.member, cast.team, Role.MEMBER)
    state, message = async_to_sync(outcome)(action_of(wrong), access, "k", "")
    assert (state, tries) == (ItemState.FAILED, 1)
    assert "no such thing" in message


def test_actions_are_declared_with_what_they_need() -> None:
    assert {action.name for action in SANDBOXES.bulk} == {"delete", "extend"}
    assert SANDBOXES.action("delete").danger
    assert SANDBOXES.action("delete").loses
