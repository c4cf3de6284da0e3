"""The list of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from dashboard.resources.lists.volumes import VOLUMES
from sandboxcore.models import VolumeMountSpec
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/volumes/"


@pytest.fixture
def volumes(folder_server: Workspace) -> list[str]:
    with folder_server.client() as client:
        for name, size in (("alpha", "64Mi"), ("beta", "1Gi"), ("gamma", "32Mi")):
            client.create_volume(name, size)
        client.create_template("trainer", "host", volume_mounts=[VolumeMountSpec("beta", "/data")])
        client.create_sandbox("trainer")
    return ["alpha", "beta", "gamma"]


def shown(page: str, names: list[str]) -> list[str]:
    return sorted((name for name in names if f'data-label="{name}"' in page), key=page.index)


def test_it_works(cast: Cast, volumes: list[str]) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert shown(page, volumes) == ["gamma", "beta", "alpha"]
    assert "256 MiB" in page  # a quarter of beta
    assert "trainer" in page
    assert "New volume" not in page
    assert "New volume" in cast.client(cast.member).get(URL).content.decode()


def test_what_is_asked_is_what_is_found(cast: Cast, volumes: list[str]) -> None:
    browser = cast.client(cast.viewer)
    for asked, found in (
        ({"q": "ALPH"}, ["alpha"]),
        ({"in_use": "true"}, ["beta"]),
        ({"in_use": "false", "sort": "name"}, ["alpha", "gamma"]),
        ({"status": "failed"}, []),
        ({"sort": "-size"}, ["beta", "alpha", "gamma"]),
    ):
        assert shown(browser.get(URL, asked).content.decode(), volumes) == found, asked


def test_every_order_that_a_heading_offers_is_one_of_the_servers(cast: Cast, volumes: list[str]) -> None:
    browser = cast.client(cast.viewer)
    for order in VOLUMES.sorts:
        assert len(shown(browser.get(URL, {"sort": f"-{order}"}).content.decode(), volumes)) == 3, order


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, folder_server: Workspace, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).get(URL)
    assert answer.status_code == status
    if status == 200:
        assert "No volumes yet" in answer.content.decode()


def test_a_server_that_does_not_answer_is_said(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = refusal(401, "Unauthorized", "the key was revoked")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "he key was revoked" in page
    assert not Event.objects.exists()
