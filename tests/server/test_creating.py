"""Making sandboxes on a runtime that is slow, fails or is not there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import RuntimeUnavailableError, StartFailedError
from sandboxcore.server.api.creating import ClientGoneError, create_and_wait
from sandboxcore.server.api.schemas import BoxIn
from tests.server.fakes import FakeRuntime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def with_template(inside: Start, runtime: FakeRuntime | None = None, **settings: object) -> Inside:
    server = await inside(runtime, **settings)
    body = {"name": "t", "image": "host", "resources": {"cpu": "250m", "memory": "64Mi", "storage": "1Gi"}}
    assert (await server.client.post("/templates", json=body)).status_code == 201
    return server


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_runtime_is_asked_for_what_the_template_says(inside: Start) -> None:
    server = await with_template(inside)
    made = (await server.client.post("/boxes", json={"template_name": "t", "name": "b"})).json()
    spec = server.runtime.specs[made["id"]]
    assert (spec.image, spec.hostname) == ("host", "b")
    limits = spec.resources
    assert (limits.cpu_millis, limits.memory_bytes, limits.storage_bytes) == (250, 64 << 20, 1 << 30)


async def test_not_ready_in_time_is_408_and_leaves_nothing(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    body = {"template_name": "t", "name": "slow", "timeout": 0.05}
    answer = await server.client.post("/boxes", json=body)
    assert answer.status_code == 408
    assert answer.json()["detail"]["error"] == "Timeout"
    assert "provisioning" in answer.json()["detail"]["message"]
    assert (await server.client.get("/boxes")).json() == {"sandboxes": []}
    server.runtime.may_create.set()
    assert (await server.client.post("/boxes", json=body)).status_code == 201
    assert len(server.runtime.made) == 1


@pytest.mark.parametrize("kind", ["ImagePull", "CrashLoop", "SandboxConfig"])
async def test_a_failed_start_is_422_with_its_kind(inside: Start, kind: str) -> None:
    server = await with_template(inside)
    server.runtime.create_error = StartFailedError("the registry said no", kind=kind)  # type: ignore[arg-type]
    answer = await server.client.post("/boxes", json={"template_name": "t"})
    assert answer.status_code == 422
    assert answer.json() == {"detail": {"error": kind, "message": "the registry said no"}}
    assert (await server.client.get("/boxes")).json() == {"sandboxes": []}


async def test_unschedulable_is_503(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.create_error = StartFailedError("no room", kind="Unschedulable")
    answer = await server.client.post("/boxes", json={"template_name": "t"})
    assert (answer.status_code, answer.json()["detail"]["error"]) == (503, "Unschedulable")


async def test_a_runtime_that_breaks_in_an_unknown_way_fails_the_sandbox(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.create_error = KeyError("bug")
    await server.client.post("/boxes", json={"template_name": "t", "name": "b", "wait_for_ready": False})
    await eventually(lambda: server.runtime.creations)
    await eventually(lambda: not server.core.starter.is_starting(server.runtime.creations[0]))
    status = (await server.client.get("/boxes/b/status")).json()
    assert status["status"] == "failed"
    assert "unknown way" in status["status_message"]


async def test_without_a_runtime_all_else_is_served_and_it_is_tried_again(inside: Start) -> None:
    runtime = FakeRuntime()
    runtime.start_error = RuntimeUnavailableError("no user namespaces", remedy="sysctl user.max_user_namespaces=9999")
    server = await with_template(inside, runtime)
    answer = await server.client.post("/boxes", json={"template_name": "t"})
    assert (answer.status_code, answer.json()["detail"]["error"]) == (503, "Unschedulable")
    assert "no user namespaces" in answer.json()["detail"]["message"]
    assert "sysctl user.max_user_namespaces=9999" in answer.json()["detail"]["message"]
    told = (await server.client.get("/capabilities")).json()
    assert told["available"] is False
    assert (told["problem"], told["remedy"]) == ("no user namespaces", "sysctl user.max_user_namespaces=9999")
    assert (await server.client.get("/boxes")).json() == {"sandboxes": []}
    assert (await server.client.get("http://test/healthz")).json()["runtime_available"] is False

    runtime.start_error = None
    await eventually(lambda: server.core.runtime.problem is None)
    assert (await server.client.post("/boxes", json={"template_name": "t"})).status_code == 201


async def test_a_runtime_that_goes_away_is_noticed_by_the_next_create(inside: Start) -> None:
    server = await with_template(inside, runtime_retry_interval=3600)
    gone = RuntimeUnavailableError("host is down", remedy="start host")
    server.runtime.create_error = server.runtime.start_error = gone
    answer = await server.client.post("/boxes", json={"template_name": "t"})
    assert answer.status_code == 503
    assert "start host" in answer.json()["detail"]["message"]
    assert (await server.client.get("/capabilities")).json()["available"] is False


async def test_deleting_one_that_still_starts(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    made = await server.client.post("/boxes", json={"template_name": "t", "name": "b", "wait_for_ready": False})
    await eventually(lambda: server.runtime.creations)
    assert (await server.client.delete("/boxes/b")).status_code == 204
    assert server.runtime.destroyed == [made.json()["id"]]
    server.runtime.may_create.set()
    assert (await server.client.get("/boxes/b")).status_code == 404
    assert server.runtime.made == {}
    assert (await server.client.delete("/templates/t")).status_code == 204


async def test_who_waits_is_told_when_another_deletes_it(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    waiting = asyncio.create_task(server.client.post("/boxes", json={"template_name": "t", "name": "b"}))
    await eventually(lambda: server.runtime.creations)
    await server.client.delete("/boxes/b")
    answer = await waiting
    assert answer.status_code == 422
    assert "deleted" in answer.json()["detail"]["message"]


async def test_a_delete_goes_on_when_the_runtime_cannot_end_it_now(inside: Start) -> None:
    server = await with_template(inside)
    await server.client.post("/boxes", json={"template_name": "t", "name": "b"})
    server.runtime.destroy_error = OSError("busy")
    assert (await server.client.delete("/boxes/b")).status_code == 204
    assert (await server.client.get("/boxes/b")).status_code == 404
    assert len(server.runtime.made) == 1
    assert (await server.client.post("/boxes", json={"template_name": "t", "name": "b"})).status_code == 201


async def test_default_lifetimes_are_the_settings(inside: Start) -> None:
    server = await with_template(inside, default_ttl_seconds=600, default_idle_ttl_seconds=120)
    made = (await server.client.post("/boxes", json={"template_name": "t"})).json()
    assert (made["ttl_seconds"], made["idle_ttl_seconds"]) == (600, 120)
    off = (await server.client.post("/boxes", json={"template_name": "t", "ttl_seconds": 0})).json()
    assert (off["ttl_seconds"], off["idle_ttl_seconds"]) == (0, 120)


async def test_starting_under_way_twice_runs_once(inside: Start) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    headers = {"Idempotency-Key": "k"}
    calls = [
        asyncio.create_task(server.client.post("/boxes", json={"template_name": "t"}, headers=headers))
        for _ in range(3)
    ]
    await eventually(lambda: server.runtime.creations)
    server.runtime.may_create.set()
    answers = [await call for call in calls]
    assert {answer.status_code for answer in answers} == {201}
    assert len(server.runtime.creations) == 1


@pytest.mark.parametrize(("name", "left_behind"), [(None, 0), ("named", 1)])
async def test_one_whose_creator_left_stays_only_where_its_name_is_known(
    inside: Start, name: str | None, left_behind: int
) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    caller = await server.core.keys.identify(server.client.headers["X-Api-Key"])
    gone = asyncio.Event()

    async def receive() -> dict[str, str]:
        await gone.wait()
        return {"type": "http.disconnect"}

    body = BoxIn(template_name="t", name=name)
    call = asyncio.create_task(create_and_wait(server.core, caller, body, None, receive))  # type: ignore[arg-type]
    await eventually(lambda: server.runtime.creations)
    gone.set()
    if left_behind:
        server.runtime.may_create.set()
        assert (await call).state == "ready"
    else:
        with pytest.raises(ClientGoneError):
            await call
    assert len((await server.client.get("/boxes")).json()["sandboxes"]) == left_behind
    assert len(server.runtime.made) == left_behind


async def test_an_empty_idempotency_key_is_none(inside: Start) -> None:
    server = await with_template(inside)
    made = [
        (await server.client.post("/boxes", json={"template_name": "t"}, headers={"Idempotency-Key": ""})).json()["id"]
        for _ in range(2)
    ]
    assert made[0] != made[1]
