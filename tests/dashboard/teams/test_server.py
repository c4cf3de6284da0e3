"""What every page says of the team's server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dashboard.teams import server
from sandboxcore import AsyncSandboxClient

if TYPE_CHECKING:
    import pytest

    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    assert "does not answer" not in cast.client(cast.viewer).get("/t/blue/team/").content.decode()


def test_a_server_that_says_nothing_holds_up_no_page(
    cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: AsyncSandboxClient) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(AsyncSandboxClient, "get_capabilities", never)
    monkeypatch.setattr(server, "WITHIN", 0.05)
    answer = cast.client(cast.viewer).get("/t/blue/team/")
    assert answer.status_code == 200
    assert "The sandbox server does not answer." in answer.content.decode()
