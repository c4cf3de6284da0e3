"""What a sandbox uses, over time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.test import RequestFactory

from dashboard.resources.past_charts import charts_until_the_end
from sandboxcore import PastSandbox
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace

URL = "/t/blue/sandboxes/alpha/metrics/"
POINT = {
    "at": "2026-01-31T00:00:00Z",
    "cpu_millis": 250,
    "memory_bytes": 2**20,
    "storage_bytes": 4096,
    "pids": 3,
    "rx_bytes_per_second": 10,
    "tx_bytes_per_second": None,
    "oom_kills": 1,
    "throttled_seconds": 0.5,
}
LIMITS = {"cpu_millis": 500, "memory_bytes": 2**29, "storage_bytes": None, "pids": 256}


def metrics(*points: dict[str, Any]) -> dict[str, Any]:
    return {"from": "", "to": "", "step_seconds": 10, "limits": LIMITS, "points": points}


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    fake.told["metrics"] = metrics(POINT)
    browser = cast.client(cast.viewer)
    page = browser.get(URL).content.decode()
    assert page.count("<figure") == 5
    assert page.count('data-src="/t/blue/sandboxes/id-alpha/metrics/data"') == 7
    body = json.loads(browser.get(f"{URL}data", {"range": "1h"}).content)
    assert body["limits"] == LIMITS
    assert body["columns"].pop("at") == [1769817600.0]
    assert body["columns"] == {key: [value] for key, value in POINT.items() if key != "at"}


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
@pytest.mark.parametrize("page", ["", "data"])
def test_who_may_see_it(cast: Cast, fake: FakeApi, who: str, status: int, page: str) -> None:
    fake.add_sandbox("alpha")
    fake.told["metrics"] = metrics()
    assert cast.client(getattr(cast, who)).get(URL + page).status_code == status


def test_the_range_is_in_the_address(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    page = cast.client(cast.viewer).get(URL, {"range": "24h"}).content.decode()
    assert page.count('data-range="24h"') == 5
    assert 'aria-current="true" href="?range=24h"' in page


@pytest.mark.parametrize(("status", "words"), [("provisioning", "Readings begin"), ("failed", "nothing runs in it")])
def test_one_that_is_not_ready_says_what_is_to_come(cast: Cast, fake: FakeApi, status: str, words: str) -> None:
    fake.add_sandbox("alpha", status=status)
    assert words in cast.client(cast.viewer).get(URL).content.decode()


def test_one_that_is_gone_says_so_on_the_page_that_is_open(cast: Cast) -> None:
    browser = cast.client(cast.viewer)
    assert browser.get(URL).status_code == 404
    part = browser.get(URL, headers={"HX-Request": "true"})
    assert (part.status_code, "It has ended" in part.content.decode()) == (200, True)


def test_what_the_server_refuses_is_told_to_the_charts(cast: Cast, fake: FakeApi) -> None:
    fake.told["metrics"] = refusal(404, "SandboxNotFound", "there is no sandbox named 'alpha'")
    answer = cast.client(cast.viewer).get(f"{URL}data")
    assert (answer.status_code, "alpha" in json.loads(answer.content)["problem"]) == (404, True)


@pytest.mark.parametrize(("chosen", "step"), [("15m", 10), ("1h", 10), ("6h", 60), ("24h", 300)])
def test_a_real_server_knows_each_range(cast: Cast, server: Workspace, chosen: str, step: int) -> None:
    with server.client() as client:
        client.create_template("python", "host", cpu="250m", memory="64Mi")
        sandbox = client.create_sandbox("python", name="alpha")
    body = json.loads(cast.client(cast.viewer).get(f"{URL}data", {"range": chosen}).content)
    assert (body["step"], body["limits"]["cpu_millis"], body["limits"]["memory_bytes"]) == (step, 250, 2**26)
    by_id = cast.client(cast.viewer).get(f"/t/blue/sandboxes/{sandbox.id}/metrics/data", {"range": chosen})
    assert by_id.status_code == 200
    assert cast.client(cast.viewer).get("/t/blue/sandboxes/beta/metrics/data").status_code == 404


def test_one_that_has_ended_has_its_charts_until_then(cast: Cast, server: Workspace) -> None:
    with server.client() as client:
        client.create_template("python", "host", cpu="250m", memory="64Mi")
        sandbox = client.create_sandbox("python", name="alpha")
        client.delete_sandbox("alpha")
    browser = cast.client(cast.viewer)
    page = browser.get(f"/t/blue/history/{sandbox.id}/").content.decode()
    assert page.count("<figure") == 5
    address = re.search(r'data-src="([^"]*\?until=\d+)"', page)
    assert address is not None
    body = json.loads(browser.get(f"{address[1]}&range=1h").content)
    assert (body["over"], body["limits"]["memory_bytes"]) == (True, 2**26)


@pytest.mark.parametrize("ended_at", [None, "", "never", "2020-01-01T00:00:00Z"])
def test_one_that_ended_long_ago_has_no_readings_to_draw(ended_at: str | None) -> None:
    past = PastSandbox(id="i", name="n", template_name="t", ended_at=ended_at)
    assert charts_until_the_end(RequestFactory().get("/"), past) == {}
