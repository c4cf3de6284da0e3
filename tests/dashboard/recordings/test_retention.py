"""What is deleted by itself."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils import timezone

from dashboard.recordings.models import Recording, RecordingPolicy, State
from dashboard.recordings.retention import ORPHAN_SECONDS, keep_house
from dashboard.recordings.store import cast_path, text_path

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast

pytestmark = pytest.mark.django_db(transaction=True)


async def make(cast: Cast, days: float, size: int = 100, state: State = State.ENDED) -> Recording:
    ended = timezone.now() - timedelta(days=days)
    made = await Recording.objects.acreate(
        team=cast.team, sandbox_id="a", sandbox_name="box", state=state, started_at=ended, ended_at=ended, size=size
    )
    for path in (cast_path(made.id), text_path(made.id)):
        path.write_text("x")
    return made


async def kept() -> list[Any]:
    return [each async for each in Recording.objects.order_by("started_at").values_list("id", flat=True)]


async def test_it_works(cast: Cast) -> None:
    await RecordingPolicy.objects.acreate(team=cast.team, days=7)
    old, young = await make(cast, 7.1), await make(cast, 6.9)
    live = await make(cast, 8, state=State.RECORDING)
    await keep_house()
    assert await kept() == [live.id, young.id]
    assert [path(each.id).exists() for each in (old, young) for path in (cast_path, text_path)] == [
        *(False, False),
        *(True, True),
    ]


async def test_the_oldest_make_room(cast: Cast, settings: Any) -> None:
    settings.RECORDINGS_MAX_BYTES = 250
    first, *others = [await make(cast, days) for days in (3, 2, 1)]
    await keep_house()
    assert await kept() == [each.id for each in others]
    assert not cast_path(first.id).exists()


async def test_files_of_nobody_go_when_they_are_old(cast: Cast) -> None:
    old, young = cast_path(uuid4()), cast_path(uuid4())
    other = old.with_name("not-ours")
    for path in (old, young, other):
        path.write_text("x")
    before = timezone.now().timestamp() - ORPHAN_SECONDS - 5
    for path in (old, other):
        os.utime(path, (before, before))
    await keep_house()
    assert [path.exists() for path in (old, young, other)] == [False, True, True]
