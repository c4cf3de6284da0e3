"""Deleting a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from sandboxcore.models import VolumeMountSpec

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/volumes/data/delete"


@pytest.fixture
def data(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_volume("data", "64Mi")
    return folder_server


def names(workspace: Workspace) -> list[str]:
    with workspace.client() as client:
        return [volume.name for volume in client.list_volumes()]


def test_it_works(cast: Cast, data: Workspace) -> None:
    browser = cast.client(cast.member)
    page = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    for words in ("All that is on it is lost", "16 MiB", 'data-must-be="data"'):
        assert words in page, words
    assert browser.post(URL, {"typed": "data"}).headers["Location"] == "/t/blue/volumes/"
    assert names(data) == []
    assert (Event.objects.get().action, Event.objects.get().target) == ("volume.deleted", "data")


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, data: Workspace, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).post(URL, {"typed": "data"}).status_code == status
    assert names(data) == ([] if status == 302 else ["data"])


@pytest.mark.parametrize("typed", ["", "Data", "dat"])
def test_without_its_name_it_stays(cast: Cast, data: Workspace, typed: str) -> None:
    answer = cast.client(cast.member).post(URL, {"typed": typed})
    assert answer.status_code == 422
    assert "typed_error" in answer.content.decode()
    assert names(data) == ["data"]


def test_one_that_a_template_mounts_stays_and_the_template_is_named(cast: Cast, data: Workspace) -> None:
    with data.client() as client:
        client.create_template("trainer", "host", volume_mounts=[VolumeMountSpec("data", "/data")])
    browser = cast.client(cast.member)
    page = browser.get(URL).content.decode()
    assert "It cannot be deleted while templates mount it" in page
    assert 'href="/t/blue/templates/trainer/"' in page
    answer = browser.post(URL, {"typed": "data"})
    assert answer.status_code == 409
    assert "is in use by template" in answer.content.decode()
    assert names(data) == ["data"]
    assert not Event.objects.exists()
