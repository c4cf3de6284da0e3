"""How long a token holds, without the loops that clear away behind it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from sandboxcore.server.db.models import ApiKey, Sandbox, ServiceToken
from sandboxcore.server.gateway.addresses import Place, label_of
from sandboxcore.server.gateway.passes import Passes
from sandboxcore.server.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Made = tuple[Inside, str, Place]


@pytest.fixture
async def made(inside: Callable[..., Awaitable[Inside]]) -> Made:
    started = await inside()
    await started.client.post("/templates", json={"name": "t", "image": "host"})
    box = (await started.client.post("/boxes", json={"template_name": "t", "name": "b"})).json()
    token = (await started.client.post("/boxes/b/service-url", json={"port": 80})).json()["token"]
    return started, token, Place(label_of(box["id"], 80), b"/", "http", "host", "")


async def refused(passes: Passes, token: str, place: Place) -> str:
    with pytest.raises(Refusal) as found:
        await passes.check(token, place)
    return found.value.kind


@pytest.mark.parametrize("table", [ServiceToken, ApiKey])
async def test_it_ends_at_its_moment_or_its_keys(made: Made, table: type[ServiceToken | ApiKey]) -> None:
    started, token, place = made
    passes = Passes(started.core.database)
    leave = await passes.check(token, place)
    assert 590 < leave.seconds_left <= 600
    async with started.core.database.write() as session:
        await session.execute(update(table).values(expires_at=time.time() + 100))
    assert 90 < (await Passes(started.core.database).check(token, place)).seconds_left <= 100
    async with started.core.database.write() as session:
        await session.execute(update(table).values(expires_at=time.time() - 1))
    assert await refused(Passes(started.core.database), token, place) == "ServiceTokenInvalid"


async def test_one_that_is_remembered_ends_at_its_moment_too(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    started, token, place = made
    passes = Passes(started.core.database)
    leave = await passes.check(token, place)
    monkeypatch.setattr("sandboxcore.server.gateway.passes.now", lambda: leave.expires_at)
    assert await refused(passes, token, place) == "ServiceTokenInvalid"


@pytest.mark.parametrize(
    ("table", "values", "kind"),
    [
        (ApiKey, {"revoked_at": 1.0}, "ServiceTokenInvalid"),
        (ApiKey, {"scopes": "read,manage"}, "ServiceTokenInvalid"),
        (Sandbox, {"state": "deleting"}, "ServiceTokenInvalid"),
        (Sandbox, {"state": "failed"}, "NotReady"),
    ],
)
async def test_it_is_believed_for_a_second_and_no_longer(
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    table: type[ApiKey | Sandbox],
    values: dict[str, object],
    kind: str,
) -> None:
    started, token, place = made
    passes = Passes(started.core.database)
    await passes.check(token, place)
    async with started.core.database.write() as session:
        await session.execute(update(table).values(values))
    await passes.check(token, place)
    later = time.monotonic() + 1
    monkeypatch.setattr("time.monotonic", lambda: later)
    assert await refused(passes, token, place) == kind
