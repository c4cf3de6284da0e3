"""Deleting a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/pools/warm/delete"


@pytest.fixture
def warm(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_template("python", "host", cpu="100m", memory="64Mi")
        client.create_pool("warm", "python", 2)
    return folder_server


def names(workspace: Workspace) -> list[str]:
    with workspace.client() as client:
        return [pool.name for pool in client.list_pools()]


def test_it_works(cast: Cast, warm: Workspace) -> None:
    browser = cast.client(cast.member)
    assert "Its 2 warm sandboxes are ended." in browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert browser.post(URL).headers["Location"] == "/t/blue/pools/"
    assert names(warm) == []
    assert (Event.objects.get().action, Event.objects.get().target) == ("pool.deleted", "warm")


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, warm: Workspace, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL).status_code == status
    assert names(warm) == ([] if status == 302 else ["warm"])


def test_one_that_is_gone_is_said(cast: Cast, folder_server: Workspace) -> None:
    browser = cast.client(cast.member)
    assert browser.post(URL).status_code == 404
    assert "Delete pool" not in browser.get(URL).content.decode()
    assert not Event.objects.exists()
