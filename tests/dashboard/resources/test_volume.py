"""One volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from sandboxcore.models import VolumeMountSpec

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/volumes/data/"


@pytest.fixture
def data(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_volume("data", "64Mi")
    return folder_server


def test_it_works(cast: Cast, data: Workspace) -> None:
    browser = cast.client(cast.member)
    page = browser.get(URL).content.decode()
    assert "<title>data" in page
    for words in ("16 MiB", "of 64 MiB used", "No template mounts it", "Grow", "Rename", "Delete"):
        assert words in page, words
    part = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "of 64 MiB used" in part
    assert "<title" not in part
    assert 'data-live="volume template sandbox"' in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, data: Workspace, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).get(URL)
    assert answer.status_code == status
    if who == "viewer":
        assert 'id="volume-delete"' not in answer.content.decode()


def test_who_uses_it_is_linked(cast: Cast, data: Workspace) -> None:
    with data.client() as client:
        client.create_template("trainer", "host", volume_mounts=[VolumeMountSpec("data", "/data")])
        client.create_sandbox("trainer", name="train-1")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert 'href="/t/blue/templates/trainer/"' in page
    assert 'href="/t/blue/sandboxes/train-1/"' in page


def test_one_that_is_gone_is_said(cast: Cast, folder_server: Workspace) -> None:
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "data" in page
    assert 'href="/t/blue/volumes/"' in page


def test_states_are_told(cast: Cast, fake: FakeApi) -> None:
    volume = {"name": "data", "size": "64Mi", "storage_class": "<b>", "id": "1", "status": "ready"}
    states = (
        ({"status": "provisioning"}, "Being made."),
        ({"wanted_size": "128Mi"}, "Growing from 64 MiB to 128 MiB."),
        ({"status": "failed", "status_message": "no <script> space"}, "no &lt;script&gt; space"),
        ({}, "The server does not tell how full it is."),
        ({"used_bytes": 2**20, "usable_bytes": 2**22}, "25.0 % of the room"),
        ({"size": "much"}, "much"),
    )
    for changes, words in states:
        fake.volumes = {"data": volume | changes}
        page = cast.client(cast.viewer).get(URL).content.decode()
        assert words in page, changes
        assert "<b>" not in page


def test_why_it_did_not_grow_is_told(cast: Cast, fake: FakeApi) -> None:
    fake.volumes = {"data": {"name": "data", "size": "64Mi", "id": "1", "status": "ready"}}
    failed = {"number": 1, "type": "volume.grow_failed", "data": {"message": "the disk <is> full"}}
    fake.told["events"] = {"events": [failed]}
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "the disk &lt;is&gt; full" in page
    assert not Event.objects.exists()
