"""How many a pool keeps warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from tests.dashboard.real_server import admin_of

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace
    from tests.server.hammer.folder import FolderSandboxd


URL = "/t/blue/pools/warm/scale"


@pytest.fixture
def warm(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_template("python", "host", cpu="100m", memory="64Mi")
        client.create_pool("warm", "python", 1)
    return folder_server


def replicas_of(workspace: Workspace) -> int:
    with workspace.client() as client:
        return client.get_pool("warm").replicas


def test_it_works(cast: Cast, warm: Workspace) -> None:
    browser = cast.client(cast.member)
    part = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    for words in ('value="1"', "1 of 1 ready", "client.update_pool("):
        assert words in part, words
    assert browser.post(URL, {"replicas": "3"}).headers["Location"] == "/t/blue/pools/warm/"
    assert replicas_of(warm) == 3
    assert browser.post(URL, {"replicas": "0"}).status_code == 302
    assert replicas_of(warm) == 0
    told = [(event.action, event.detail["replicas"]) for event in Event.objects.order_by("pk")]
    assert told == [("pool.scaled", 3), ("pool.paused", 0)]


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, warm: Workspace, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, {"replicas": "2"}).status_code == status
    assert replicas_of(warm) == (2 if status == 302 else 1)


@pytest.mark.parametrize("replicas", ["-1", "101", "x", ""])
def test_a_number_that_is_none_is_refused(cast: Cast, warm: Workspace, replicas: str) -> None:
    answer = cast.client(cast.member).post(URL, {"replicas": replicas})
    assert answer.status_code == 422
    assert "id_replicas_error" in answer.content.decode()
    assert replicas_of(warm) == 1


def test_more_than_fits_is_refused_in_the_servers_words_with_what_is_left(
    cast: Cast, warm: Workspace, folder_process: FolderSandboxd
) -> None:
    with admin_of(folder_process) as admin:
        admin.set_limits(warm.name, max_sandboxes=2)
    answer = cast.client(cast.member).post(URL, {"replicas": "9"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "may hold 2" in page
    assert "There is no room for this now" in page
    assert not Event.objects.exists()
