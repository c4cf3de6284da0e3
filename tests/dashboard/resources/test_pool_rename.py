"""Giving a pool another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/pools/warm/rename"


@pytest.fixture
def warm(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_template("python", "host", cpu="100m", memory="64Mi")
        client.create_pool("warm", "python", 1)
    return folder_server


def test_it_works(cast: Cast, warm: Workspace) -> None:
    browser = cast.client(cast.member)
    assert 'value="warm"' in browser.get(URL).content.decode()
    assert browser.post(URL, {"name": "hot"}).headers["Location"] == "/t/blue/pools/hot/"
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("pool.renamed", "hot", {"renamed_from": "warm"})


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, warm: Workspace, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, {"name": "hot"}).status_code == status


def test_what_is_no_name_is_said_beside_the_field(cast: Cast, warm: Workspace) -> None:
    answer = cast.client(cast.member).post(URL, {"name": "Very Hot"})
    assert answer.status_code == 422
    assert "id_name_error" in answer.content.decode()
    assert not Event.objects.exists()
