"""Giving a volume more room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from sandboxcore.models import VolumeMountSpec
from tests.server.running import until

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/volumes/data/grow"


@pytest.fixture
def data(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_volume("data", "64Mi")
    return folder_server


def size_of(workspace: Workspace) -> str:
    with workspace.client() as client:
        return client.get_volume("data").size


def test_it_works(cast: Cast, data: Workspace) -> None:
    browser = cast.client(cast.member)
    part = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    for words in ('value="64Mi"', "Size now", "client.update_volume("):
        assert words in part, words
    assert browser.post(URL, {"size": "128Mi"}).headers["Location"] == "/t/blue/volumes/data/"
    assert until(lambda: size_of(data) == "128Mi")
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("volume.grown", "data", {"size": "128Mi"})


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, data: Workspace, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, {"size": "128Mi"}).status_code == status
    if status != 302:
        assert size_of(data) == "64Mi"


@pytest.mark.parametrize("size", ["32Mi", "64Mi", "65536Ki"])
def test_only_larger_is_taken(cast: Cast, data: Workspace, size: str) -> None:
    answer = cast.client(cast.member).post(URL, {"size": size})
    assert answer.status_code == 422
    assert "a volume only grows" in answer.content.decode()
    assert size_of(data) == "64Mi"
    assert not Event.objects.exists()


def test_while_it_is_mounted_who_has_it_is_shown(cast: Cast, data: Workspace) -> None:
    with data.client() as client:
        client.create_template("trainer", "host", volume_mounts=[VolumeMountSpec("data", "/data")])
        client.create_sandbox("trainer", name="train-1")
    page = cast.client(cast.member).get(URL).content.decode()
    assert "It cannot grow while a sandbox has it mounted" in page
    assert 'href="/t/blue/sandboxes/train-1/"' in page
    assert "Grow volume" not in page


def test_one_that_is_gone_is_said(cast: Cast, folder_server: Workspace) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "data" in page
    assert "Grow volume" not in page
