"""One pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.audit.models import Event
from tests.server.running import until

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace


URL = "/t/blue/pools/warm/"
STATS = {
    "hits": 9,
    "misses": 1,
    "hit_rate": 0.9,
    "claim_ms_p50": 4.14,
    "claim_ms_p99": 12.0,
    "cold_ms_p50": 1310.5,
    "misses_by_reason": {"empty": 1, "<new>": 2},
    "window_seconds": 3600,
    "suggested_replicas": 4,
    "suggested_because": "with 4 warm each <b> would have found one",
    "warm_seconds": 7200.0,
    "warm_cpu_seconds": 3600.0,
    "warm_memory_byte_seconds": 3600.0 * 2**30,
}
POOL = {"id": "1", "name": "warm", "template_name": "python", "replicas": 3, "ready_replicas": 2, "status": "filling"}


@pytest.fixture
def warm(folder_server: Workspace) -> Workspace:
    with folder_server.client() as client:
        client.create_template("python", "host", cpu="100m", memory="64Mi")
        client.create_pool("warm", "python", 2)
    return folder_server


def test_it_works(cast: Cast, warm: Workspace) -> None:
    browser = cast.client(cast.member)
    page = browser.get(URL).content.decode()
    for words in ("of 2 ready", "Nobody has asked for one yet", "Waiting cost in the last hour", 'id="pool-pause"'):
        assert words in page, words
    part = browser.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "of 2 ready" in part
    assert "<title" not in part


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, warm: Workspace, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).get(URL)
    assert answer.status_code == status
    if who == "viewer":
        page = answer.content.decode()
        assert not [name for name in ("pause", "scale", "rename", "delete") if f'id="pool-{name}"' in page]


def test_creates_are_listed_with_why_they_were_cold(cast: Cast, warm: Workspace) -> None:
    with warm.client() as client:
        client.update_pool("warm", replicas=0)
        client.create_sandbox("python")
        until(lambda: client.list_pool_claims("warm"), what="the claim to be written down")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "The pool was paused" in page
    assert "0 warm, 1 cold" in page


def test_a_paused_one_is_resumed_with_what_it_had(cast: Cast, warm: Workspace) -> None:
    with warm.client() as client:
        client.update_pool("warm", replicas=0)
    page = cast.client(cast.member).get(URL).content.decode()
    assert "Resume with 2" in page
    assert 'id="pool-pause"' not in page


def test_what_creates_add_up_to(cast: Cast, fake: FakeApi) -> None:
    fake.pools["warm"] = POOL | {"stats": STATS}
    fake.told["claims"] = {"claims": [{"at": "2026-01-01T00:00:00+00:00", "hit": True, "ms": 4.1, "reason": None}]}
    page = cast.client(cast.member).get(URL).content.decode()
    for words in (
        *("90.0%", "9 warm, 1 cold", "4.1 ms", "12 ms", "1.3 s", "Every warm sandbox was taken", "1 being started"),
        *("With 4 warm each &lt;b&gt; would", "Keep 4 warm", "2.00", "1.00", "1 GiB h", "&lt;new&gt;"),
    ):
        assert words in page, words
    assert "Keep 4 warm" not in cast.client(cast.viewer).get(URL).content.decode()
    fake.pools["warm"] = POOL | {"stats": STATS, "replicas": 4}
    assert "Keep 4 warm" not in cast.client(cast.member).get(URL).content.decode()


@pytest.mark.parametrize(
    ("status", "words"), [("failing", "The pool cannot be filled"), ("limited", "limits leave no room")]
)
def test_why_it_cannot_be_filled(cast: Cast, fake: FakeApi, status: str, words: str) -> None:
    message = "no <image> (filling failed 3 times in a row; the next try is at 2030-01-01T00:00:00+00:00)"
    why = {"status": status, "status_message": message, "failures": 3, "retry_at": "2030-01-01T00:00:00+00:00"}
    fake.pools["warm"] = POOL | why
    page = cast.client(cast.viewer).get(URL).content.decode()
    for each in (words, "no &lt;image&gt;", "3 in a row"):
        assert each in page, each
    assert "filling failed" not in page
    assert ("Next try" in page) is (status == "failing")


def test_one_that_is_gone_is_said(cast: Cast, fake: FakeApi) -> None:
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 404
    assert 'href="/t/blue/pools/"' in answer.content.decode()
    assert not Event.objects.exists()
