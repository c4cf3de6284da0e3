"""Giving a volume another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/volumes/data/rename"


@pytest.fixture
def data(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_volume("data", "64Mi")
    return folder_server


def test_it_works(cast: Cast, data: Workspace) -> None:
    browser = cast.client(cast.member)
    assert 'value="data"' in browser.get(URL).content.decode()
    assert browser.post(URL, {"name": "models"}).headers["Location"] == "/t/blue/volumes/models/"
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("volume.renamed", "models", {"renamed_from": "data"})


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, data: Workspace, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, {"name": "models"}).status_code == status


def test_a_name_that_is_taken_is_said_beside_the_field(cast: Cast, data: Workspace) -> None:
    with data.client() as client:
        client.create_volume("models", "64Mi")
    answer = cast.client(cast.member).post(URL, {"name": "models"})
    assert answer.status_code == 422
    assert "id_name_error" in answer.content.decode()
    assert not Event.objects.exists()
