"""The page of one sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi

URL = "/t/blue/sandboxes/alpha/"


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha", ttl_seconds=7200, idle_ttl_seconds=900, created_by="maria")
    page = cast.client(cast.viewer).get(URL).content.decode()
    for shown in ("alpha", "maria", "2 hours", "after 15 minutes", "id-alpha"):
        assert shown in page
    assert "client.get_sandbox(&quot;alpha&quot;)" in page
    assert "await client.get_sandbox(&quot;alpha&quot;)" in page
    assert "/v2/sandboxes/dataplane/id-alpha/execute" in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, fake: FakeApi, who: str, status: int) -> None:
    fake.add_sandbox("alpha")
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


def test_one_that_is_gone_is_said_in_the_frame(cast: Cast) -> None:
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 404
    assert "Sandbox &#x27;alpha&#x27; not found" in answer.content.decode()
    assert "/t/blue/templates/" in answer.content.decode()


def test_it_asks_again_only_while_provisioning(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha", status="provisioning", dataplane_url=None)
    browser = cast.client(cast.viewer)
    page = browser.get(URL).content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert "dataplane" not in page
    fake.add_sandbox("alpha", status="failed", status_message="ImagePull: unknown image")
    fragment = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in fragment
    assert "ImagePull: unknown image" in browser.get(URL).content.decode()
    assert "<html" not in fragment


def test_a_viewer_is_not_offered_what_is_not_theirs(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "/alpha/settings" not in page
    assert "/alpha/delete" not in page
