"""Lifetimes: what a workspace allows and gives, and when a sandbox's time is over."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.server.config import Settings
from sandboxcore.server.errors import InvalidError
from sandboxcore.server.reaper import reap
from sandboxcore.server.services import quota
from sandboxcore.server.services.lifetimes import LifetimeRules, Lifetimes
from sandboxcore.server.services.quota import Limits
from tests.server.test_creating import with_template
from tests.server.test_quota import only_workspace
from tests.server.test_reaper import age

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]

MINUTES = st.integers(0, 10_000).map(lambda minutes: minutes * 60)
LONGEST = 31_536_000


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    longest = draw(st.none() | st.integers(1, 10_000).map(lambda minutes: minutes * 60))
    most = LONGEST if longest is None else longest
    default = st.none() | MINUTES.filter(lambda seconds: seconds <= most)
    return Limits(max_ttl_seconds=longest, default_ttl_seconds=draw(default), default_idle_ttl_seconds=draw(default))


SERVERS = st.builds(
    Settings,
    default_ttl_seconds=MINUTES,
    default_idle_ttl_seconds=MINUTES,
    max_ttl_seconds=st.integers(1, 10_000).map(lambda minutes: minutes * 60),
)
ASKED = st.none() | MINUTES | st.integers(-10_000, 700_000)


@given(ttl=MINUTES, idle=MINUTES, created=st.floats(0, 2e9), used_after=st.floats(0, 1e8), moment=st.floats(0, 3e9))
def test_the_earlier_deadline_wins(ttl: int, idle: int, created: float, used_after: float, moment: float) -> None:
    last_used = created + used_after
    expires_at = Lifetimes(ttl, idle).expires_at(created, last_used)
    over = (ttl > 0 and moment >= created + ttl) or (idle > 0 and moment >= last_used + idle)
    assert over == (expires_at is not None and moment >= expires_at)
    assert (expires_at is None) == (ttl == idle == 0)
    later = Lifetimes(ttl, idle).expires_at(created, last_used + 60)
    if expires_at is not None and later is not None:
        assert expires_at <= later, "use never brings the end nearer"
        assert not ttl or later <= created + ttl, "use never moves the end of its lifetime"


@given(limits=limits(), settings=SERVERS, ttl=ASKED, idle=ASKED)
def test_no_sandbox_gets_more_than_is_allowed(
    limits: Limits, settings: Settings, ttl: int | None, idle: int | None
) -> None:
    rules = LifetimeRules.of(limits, settings)
    longest = min(settings.max_ttl_seconds, limits.max_ttl_seconds or LONGEST)
    bounded = limits.max_ttl_seconds is not None

    def fine(seconds: int | None, *, none_is_fine: bool) -> bool:
        if seconds is None:
            return True
        return none_is_fine if seconds == 0 else 0 < seconds <= longest and seconds % 60 == 0

    allowed = fine(ttl, none_is_fine=not bounded) and fine(idle, none_is_fine=True)
    try:
        got = rules.choose(ttl, idle)
    except InvalidError:
        assert not allowed
        return
    assert allowed
    assert got.ttl_seconds == (got.ttl_seconds if ttl is None else ttl)
    assert got.idle_ttl_seconds == (got.idle_ttl_seconds if idle is None else idle)
    assert 0 <= got.ttl_seconds <= longest
    assert 0 <= got.idle_ttl_seconds <= longest
    if bounded:
        assert got.ttl_seconds > 0
    own = limits.default_ttl_seconds
    wanted = settings.default_ttl_seconds if own is None else own
    if ttl is None and 0 < wanted <= longest:
        assert got.ttl_seconds == wanted


async def bounded(inside: Start, **changes: int) -> Inside:
    server = await with_template(inside)
    await quota.set_limits(
        server.core.database, actor="test", workspace_id=await only_workspace(server), changes=changes
    )
    return server


async def create(server: Inside, **body: Any) -> Any:
    return await server.client.post("/boxes", json={"template_name": "t", **body})


async def test_it_works(inside: Start) -> None:
    server = await bounded(inside, max_ttl_seconds=3600, default_ttl_seconds=600, default_idle_ttl_seconds=300)
    made = (await create(server)).json()
    assert (made["ttl_seconds"], made["idle_ttl_seconds"]) == (600, 300)
    asked = (await create(server, ttl_seconds=3600, idle_ttl_seconds=0)).json()
    assert (asked["ttl_seconds"], asked["idle_ttl_seconds"]) == (3600, 0)
    assert (await server.client.get("/limits")).json()["lifetimes"] == {
        "max_ttl_seconds": 3600,
        "default_ttl_seconds": 600,
        "default_idle_ttl_seconds": 300,
    }


async def test_without_a_default_the_bound_is_what_a_sandbox_gets(inside: Start) -> None:
    server = await bounded(inside, max_ttl_seconds=3600)
    made = (await create(server)).json()
    assert made["ttl_seconds"] == 3600
    lived = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lived.total_seconds() == 3600


async def test_no_end_is_refused_where_there_is_a_bound(inside: Start) -> None:
    server = await bounded(inside, max_ttl_seconds=3600)
    made = (await create(server, name="b")).json()
    for answer in [
        await create(server, ttl_seconds=0),
        await server.client.patch("/boxes/b", json={"ttl_seconds": 0}),
    ]:
        assert answer.status_code == 422
        detail = answer.json()["detail"][0]
        assert detail["loc"] == ["body", "ttl_seconds"]
        assert "0 is no end" in detail["msg"]
        assert "at most 3600 seconds" in detail["msg"]
    for field in ("ttl_seconds", "idle_ttl_seconds"):
        refused = await server.client.patch("/boxes/b", json={field: 3660})
        assert refused.json()["detail"][0] == {
            "type": "value_error",
            "loc": ["body", field],
            "msg": "the most is 3600 seconds",
        }
    assert (await server.client.get("/boxes/b")).json()["expires_at"] == made["expires_at"]


async def test_without_a_bound_no_end_is_an_end_like_any_other(inside: Start) -> None:
    server = await bounded(inside, default_ttl_seconds=600)
    assert (await create(server, ttl_seconds=0)).json()["expires_at"] is None
    assert (await create(server)).json()["ttl_seconds"] == 600


async def test_a_new_lifetime_counts_from_the_creation(inside: Start) -> None:
    server = await bounded(inside, max_ttl_seconds=3600)
    made = (await create(server, name="b", ttl_seconds=3600)).json()
    await age(server, made["id"], 1200)
    changed = (await server.client.patch("/boxes/b", json={"ttl_seconds": 1800})).json()
    left = datetime.fromisoformat(changed["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert left.total_seconds() == pytest.approx(600)
    await server.client.patch("/boxes/b", json={"ttl_seconds": 1140})
    await reap(server.core)
    assert (await server.client.get("/boxes/b")).status_code == 404


async def test_a_new_bound_ends_nothing_that_lives(inside: Start) -> None:
    server = await with_template(inside)
    made = (await create(server, name="b", ttl_seconds=0)).json()
    workspace_id = await only_workspace(server)
    await quota.set_limits(
        server.core.database, actor="test", workspace_id=workspace_id, changes={"max_ttl_seconds": 60}
    )
    await age(server, made["id"], 10_000)
    await reap(server.core)
    assert (await server.client.get("/boxes/b")).json()["expires_at"] is None
    assert (await server.client.patch("/boxes/b", json={"idle_ttl_seconds": 60})).status_code == 200
