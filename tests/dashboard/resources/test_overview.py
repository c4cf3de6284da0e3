"""The team's first page."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dashboard.resources.overview import parts
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace

URL = "/t/blue/"
PARTS = ("now", "held")


def limits(**held: tuple[int | None, int]) -> dict[str, Any]:
    """``GET /limits``; what is not given is without limit and not held."""
    names = ("sandboxes", "cpu_millis", "memory_bytes", "storage_bytes", "volumes", "pools")
    found = {name: held.get(name, (None, 0)) for name in names}
    return {name: {"limit": limit, "held": value} for name, (limit, value) in found.items()} | {
        "lifetimes": {"max_ttl_seconds": None, "default_ttl_seconds": 0, "default_idle_ttl_seconds": 0}
    }


def numbers(page: str) -> list[str]:
    return re.findall(r'class="number">(\d+)', page)


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_it_works(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    fake.add_sandbox("alpha")
    fake.add_sandbox("beta")
    fake.add_sandbox("gamma", status="failed", status_message="CrashLoop: it ends at once")
    fake.told["limits"] = limits(sandboxes=(10, 3))
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert numbers(page) == ["2", "0", "1", "0", "1", "0"]
    assert "CrashLoop: it ends at once" in page
    for lead in ("/t/blue/sandboxes/?status=ready", "/t/blue/sandboxes/?status=failed", "/t/blue/templates/"):
        assert lead in page
    assert "SANDBOX_ENDPOINT=http://sandboxes.test" in page
    assert "3 of 10" in text(page)


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
@pytest.mark.parametrize("page", ["", "metrics"])
def test_who_may_see_it(cast: Cast, fake: FakeApi, who: str, status: int, page: str) -> None:
    fake.told["metrics"] = {"from": "", "to": "", "step_seconds": 10, "points": []}
    assert cast.client(getattr(cast, who)).get(URL + page).status_code == status


def test_without_templates_the_next_step_is_making_one(cast: Cast) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "Start with a template" in page
    assert "/t/blue/templates/new" in page
    assert 'btn-primary" href="/t/blue/sandboxes/new"' not in page
    assert "client.create_template(name=&quot;first&quot;, image=&quot;host&quot;" in page


def test_with_a_template_the_next_step_is_a_sandbox(cast: Cast, fake: FakeApi) -> None:
    fake.add_template("python")
    assert "You have a template" in cast.client(cast.member).get(URL).content.decode()
    assert "/t/blue/sandboxes/new" not in cast.client(cast.viewer).get(URL).content.decode()
    fake.add_sandbox("alpha")
    assert "First steps" not in cast.client(cast.member).get(URL).content.decode()


def test_limits_nearly_reached_need_attention(cast: Cast, fake: FakeApi) -> None:
    fake.told["limits"] = limits(sandboxes=(10, 8), cpu_millis=(4000, 3100), memory_bytes=(None, 2**30), pools=(0, 0))
    page = text(cast.client(cast.viewer).get(URL).content.decode())
    assert "Limit nearly reached: Sandboxes 8 of 10 (80 %)" in page
    assert "Limit nearly reached: CPU" not in page
    assert "1.0 GiB in use · no limit" in page
    assert "0 of 0 100 %" in page


def test_what_nobody_uses_needs_attention(cast: Cast, fake: FakeApi) -> None:
    hours_ago = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    just_now = datetime.now(UTC).isoformat()
    fake.told["summary"] = fake.counts() | {
        "idle": [
            {"id": "1", "name": "old", "last_activity_at": hours_ago, "cpu_millis": 1500, "memory_bytes": 2**31},
            {"id": "2", "name": "new", "last_activity_at": just_now, "cpu_millis": 1, "memory_bytes": 1},
        ]
    }
    page = text(cast.client(cast.viewer).get(URL).content.decode())
    assert "Idle: old" in page
    assert "it holds 1.50 CPU and 2.0 GiB" in page
    assert "Idle: new" not in page


def test_pools_that_cannot_fill_need_attention(cast: Cast, fake: FakeApi) -> None:
    for name, status in (("good", "ready"), ("bad", "failing"), ("full", "limited")):
        fake.pools[name] = {
            "name": name, "template_name": "python", "replicas": 2, "status": status, "status_message": f"{name} is",
        }  # fmt: skip
    fake.told["summary"] = fake.counts() | {"pools": {"ready": 1, "failing": 1, "limited": 1}, "wanted_replicas": 6}
    page = text(cast.client(cast.viewer).get(URL).content.decode())
    assert "Pool cannot fill: bad bad is" in page
    assert "Pool held back by a limit: full full is" in page
    assert "good is" not in page
    assert "0 of 6" in page


def test_hostile_words_are_shown_as_they_are(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("a\u202eb", status="failed", status_message="<script>alert(1)</script>\x1b[2J")
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨001B⟩[2J" in page
    assert "a⟨202E⟩b" in page


@pytest.mark.parametrize("part", PARTS)
def test_parts_that_are_followed_come_alone(cast: Cast, fake: FakeApi, part: str) -> None:
    page = cast.client(cast.viewer).get(URL, {"part": part}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "data-chart" not in page
    assert ("Recent activity" in page) is (part == "held")


def test_each_part_that_fails_says_so_and_the_others_stand(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    fake.told["limits"] = refusal(500, "InternalError", "the books are closed")
    page = text(cast.client(cast.viewer).get(URL).content.decode())
    assert "The limits cannot be shown. The books are closed." in page
    assert numbers(cast.client(cast.viewer).get(URL).content.decode())[0] == "1"
    fake.told = {"limits": limits(sandboxes=(4, 1)), "summary": refusal(500, "InternalError", "nobody counts")}
    page = text(cast.client(cast.viewer).get(URL).content.decode())
    assert "What the team has cannot be shown. Nobody counts." in page
    assert "1 of 4" in page


def test_the_page_stands_when_the_server_fails(cast: Cast, fake: FakeApi) -> None:
    fake.answer_all = refusal(500, "InternalError", "the database is locked")
    answer = cast.client(cast.viewer).get(URL)
    assert answer.status_code == 200
    assert "he database is locked" in answer.content.decode()


def test_the_page_waits_for_no_part_for_long(cast: Cast, fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/capabilities"):
                return httpx.Response(200, json=fake.capabilities)
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(parts, "WITHIN", 0.05)
    fake.transport = Silent()
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "did not answer within" in page


def test_the_charts_data_is_the_workspaces(cast: Cast, fake: FakeApi) -> None:
    point = {"at": "2026-01-31T00:00:00Z", "cpu_millis": 1250, "memory_bytes": None, "sandboxes": 2, "warm": 0}
    fake.told["metrics"] = {"from": "", "to": "", "step_seconds": 10, "points": [point]}
    body = json.loads(cast.client(cast.viewer).get(f"{URL}metrics", {"range": "15m"}).content)
    assert body["columns"] == {"at": [1769817600.0], "cpu_millis": [1250], "memory_bytes": [None]}
    assert (body["span"], body["step"]) == (900, 10)
    fake.told["metrics"] = refusal(500, "InternalError", "nothing was measured")
    answer = cast.client(cast.viewer).get(f"{URL}metrics")
    assert (answer.status_code, json.loads(answer.content)) == (502, {"problem": "Nothing was measured"})


def test_where_nothing_is_isolated_every_page_says_so(cast: Cast, fake: FakeApi) -> None:
    fake.capabilities |= {"runtime": "process", "isolated": False}
    browser = cast.client(cast.viewer)
    for page in ("", "sandboxes/", "templates/", "activity/", "team/"):
        assert "Nothing is isolated" in browser.get(URL + page).content.decode()


def test_where_the_runtime_cannot_work_the_remedy_is_shown(cast: Cast, fake: FakeApi) -> None:
    fake.capabilities = {
        "runtime": "namespaces",
        "available": False,
        "problem": "namespaces are switched off",
        "remedy": "Run `sysctl -w user.max_user_namespaces=1000` <script>alert(1)</script>.",
    }
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "amespaces are switched off" in page
    assert "<code>sysctl -w user.max_user_namespaces=1000</code>" in page
    assert "<script>alert" not in page
    assert "Nothing is isolated" not in page


def test_a_server_that_does_not_tell_what_it_enforces_is_no_problem(cast: Cast, fake: FakeApi) -> None:
    fake.hide_capabilities = True
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "server-banner" not in page
    assert numbers(page) == ["0"] * 6


def test_what_the_server_enforces_is_asked_once_for_several_pages(cast: Cast, fake: FakeApi) -> None:
    browser = cast.client(cast.viewer)
    for _ in range(3):
        browser.get(URL)
    assert [path for _, path, _ in fake.seen].count("/v2/sandboxes/capabilities") == 1


def test_it_counts_what_a_real_server_has(cast: Cast, server: Workspace) -> None:
    with server.client() as client:
        client.create_template("python", "host", cpu="250m", memory="64Mi")
        client.create_sandbox("python", name="alpha")
    browser = cast.client(cast.viewer)
    page = browser.get(URL).content.decode()
    assert numbers(page) == ["1", "0", "0", "0", "1", "0"]
    assert "0.25 in use · no limit" in text(page)
    body = json.loads(browser.get(f"{URL}metrics", {"range": "6h"}).content)
    assert (body["step"], set(body["columns"])) == (60, {"at", "cpu_millis", "memory_bytes"})
