"""Making a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from tests.dashboard.real_server import admin_of

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace
    from tests.server.hammer.folder import FolderSandboxd


URL = "/t/blue/volumes/new"


def test_it_works(cast: Cast, folder_server: Workspace) -> None:
    browser = cast.client(cast.member)
    page = browser.get(URL).content.decode()
    for words in ('value="1Gi"', "What it takes", "no limit", "client.create_volume("):
        assert words in page, words
    answer = browser.post(URL, {"name": "data", "size": "64Mi"})
    assert answer.headers["Location"] == "/t/blue/volumes/data/"
    with folder_server.client() as client:
        assert (client.get_volume("data").size, client.get_volume("data").created_by) == ("64Mi", "member")
    event = Event.objects.get()
    assert (event.action, event.target, event.detail) == ("volume.created", "data", {"size": "64Mi"})


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_do_it(cast: Cast, folder_server: Workspace, who: str, status: int) -> None:
    browser = cast.client(getattr(cast, who))
    assert browser.post(URL, {"name": "data", "size": "64Mi"}).status_code == status
    with folder_server.client() as client:
        assert [volume.name for volume in client.list_volumes()] == (["data"] if status == 302 else [])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "data", "size": "lots"}, "This is no quantity."),
        ({"name": "Data Set", "size": "64Mi"}, "name"),
        ({"name": "", "size": "64Mi"}, "This field is required."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    cast: Cast, folder_server: Workspace, given: dict[str, str], words: str
) -> None:
    answer = cast.client(cast.member).post(URL, given)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert f'value="{given["size"]}"' in page
    assert not Event.objects.exists()


def test_a_name_that_is_taken_is_said(cast: Cast, folder_server: Workspace) -> None:
    with folder_server.client() as client:
        client.create_volume("data", "64Mi")
    answer = cast.client(cast.member).post(URL, {"name": "data", "size": "32Mi"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "id_name_error" in page


def test_what_it_takes_follows_what_is_typed(
    cast: Cast, folder_server: Workspace, folder_process: FolderSandboxd
) -> None:
    with admin_of(folder_process) as admin:
        admin.set_limits(folder_server.name, max_storage_bytes=2**30)
    browser = cast.client(cast.member)
    for size, words in (("512Mi", "512 MiB"), ("4Gi", "There is no room for this now"), ("x", "What it takes")):
        part = browser.get(URL, {"name": "d", "size": size}, headers={"HX-Request": "true"}).content.decode()
        assert words in part, size
        assert "<form" not in part
