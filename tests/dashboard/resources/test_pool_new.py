"""Making a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from sandboxcore.models import VolumeMountSpec

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/pools/new"


@pytest.fixture
def python(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_template("python", "host", cpu="100m", memory="64Mi")
        client.create_volume("data", "64Mi")
        client.create_template("trainer", "host", volume_mounts=[VolumeMountSpec("data", "/data")])
    return folder_server


def test_it_works(cast: Cast, python: Workspace) -> None:
    browser = cast.client(cast.member)
    page = browser.get(URL).content.decode()
    assert "client.create_pool(" in page
    assert ">python<" in page
    assert ">trainer<" not in page  # it mounts a volume
    answer = browser.post(URL, {"template": "python", "name": "warm", "replicas": "2"})
    assert answer.headers["Location"] == "/t/blue/pools/warm/"
    with python.client() as client:
        assert (client.get_pool("warm").replicas, client.get_pool("warm").created_by) == (2, "member")
    event = Event.objects.get()
    assert (event.action, event.target) == ("pool.created", "warm")
    assert event.detail == {"template": "python", "replicas": 2}


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, python: Workspace, who: str, status: int) -> None:
    given = {"template": "python", "name": "warm", "replicas": "1"}
    assert cast.client(getattr(cast, who)).post(URL, given).status_code == status
    with python.client() as client:
        assert [pool.name for pool in client.list_pools()] == (["warm"] if status == 302 else [])


@pytest.mark.parametrize("replicas", ["0", "101", "many", ""])
def test_a_number_that_is_none_is_refused(cast: Cast, python: Workspace, replicas: str) -> None:
    answer = cast.client(cast.member).post(URL, {"template": "python", "name": "warm", "replicas": replicas})
    assert answer.status_code == 422
    assert "id_replicas_error" in answer.content.decode()
    assert not Event.objects.exists()


def test_what_it_takes_follows_what_is_chosen(cast: Cast, python: Workspace) -> None:
    asked = {"template": "python", "name": "w", "replicas": "40"}
    part = cast.client(cast.member).get(URL, asked, headers={"HX-Request": "true"}).content.decode()
    for words in ("4 cores", "2.5 GiB", "replicas=40"):
        assert words in part, words
    assert "<form" not in part


def test_without_a_template_that_comes_first(cast: Cast, folder_server: Workspace) -> None:
    assert "A template comes first" in cast.client(cast.member).get(URL).content.decode()


def test_a_name_that_is_taken_is_said_beside_the_field(cast: Cast, python: Workspace) -> None:
    with python.client() as client:
        client.create_pool("warm", "python", 1)
    answer = cast.client(cast.member).post(URL, {"template": "python", "name": "warm", "replicas": "2"})
    assert answer.status_code == 422
    assert "id_name_error" in answer.content.decode()
