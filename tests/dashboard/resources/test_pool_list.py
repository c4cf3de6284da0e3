"""The list of pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from dashboard.resources.lists.pools import POOLS

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/pools/"


@pytest.fixture
def pools(folder_server: Workspace) -> list[str]:
    with folder_server.client() as client:
        for template in ("python", "node"):
            client.create_template(template, "host", cpu="100m", memory="64Mi")
        client.create_pool("alpha", "python", 2)
        client.create_pool("beta", "node", 1)
        client.update_pool("beta", replicas=0)
    return ["alpha", "beta"]


def shown(page: str, names: list[str]) -> list[str]:
    return sorted((name for name in names if f'data-label="{name}"' in page), key=page.index)


def test_it_works(cast: Cast, pools: list[str]) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert shown(page, pools) == ["beta", "alpha"]
    for words in ("2 of 2", "paused", "Hit rate"):
        assert words in page, words
    assert "New pool" not in page


def test_what_is_asked_is_what_is_found(cast: Cast, pools: list[str]) -> None:
    browser = cast.client(cast.viewer)
    for asked, found in (({"q": "ALPH"}, ["alpha"]), ({"template": "node"}, ["beta"]), ({"q": "zzz"}, [])):
        assert shown(browser.get(URL, asked).content.decode(), pools) == found, asked
    for order in POOLS.sorts:
        assert len(shown(browser.get(URL, {"sort": order}).content.decode(), pools)) == 2, order


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, folder_server: Workspace, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).get(URL)
    assert answer.status_code == status
    if status == 200:
        assert "No pools yet" in answer.content.decode()
    assert not Event.objects.exists()
