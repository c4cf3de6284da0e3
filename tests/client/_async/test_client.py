"""The control plane and file transfer, each request and each refusal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandboxcore import (
    AsyncSandbox,
    AsyncSandboxClient,
    InvalidResponseError,
    Pool,
    QuotaExceededError,
    ResourceAlreadyExistsError,
    ResourceCreationError,
    ResourceInUseError,
    ResourceNameConflictError,
    ResourceNotFoundError,
    ResourceSpec,
    ResourceStatus,
    ResourceTimeoutError,
    SandboxAuthenticationError,
    SandboxConnectionError,
    SandboxOperationError,
    Template,
    ValidationError,
    Volume,
    VolumeMountSpec,
)
from tests.client.fake import DROP, Answer, FakeServer

if TYPE_CHECKING:
    from collections.abc import Callable

VOLUME = {"id": "v1", "name": "data", "size": "1Gi", "storage_class": "local"}
TEMPLATE = {"id": "t1", "name": "t", "image": "host", "resources": {"cpu": "1", "memory": "1Gi"}}
POOL = {"id": "p1", "name": "p", "template_name": "t", "replicas": 2, "ready_replicas": 1}
BUSY = Answer(503, b"<html>busy</html>")


def refusal(status: int, kind: str, message: str = "because", **headers: str) -> Answer:
    """An answer in the API's own words."""
    return Answer(status, {"detail": {"error": kind, "message": message}}, headers)


async def test_volumes(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.on("POST", "/volumes", Answer(201, VOLUME))
    server.on("GET", "/volumes", {"volumes": [VOLUME]})
    server.on("GET", "/volumes/data", VOLUME)
    server.on("PATCH", "/volumes/data", {**VOLUME, "size": "2Gi"})
    server.on("DELETE", "/volumes/data", Answer(204))
    volume = await async_client.create_volume("data", "1Gi")
    assert volume == Volume("data", "1Gi", "local", id="v1")
    assert await async_client.list_volumes() == [volume]
    assert await async_client.get_volume("data") == volume
    assert await async_client.update_volume("data") == volume
    assert (await async_client.update_volume("data", new_name="d", size="2Gi")).size == "2Gi"
    await async_client.delete_volume("data")
    posted = server.requests("POST", "/volumes")[0]
    assert posted.json == {"name": "data", "size": "1Gi", "wait_for_ready": True, "timeout": 60}
    assert posted.headers["x-api-key"] == "a-key"
    assert server.requests("PATCH", "/volumes/data")[0].json == {"name": "d", "size": "2Gi"}


async def test_templates(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.on("POST", "/templates", Answer(201, TEMPLATE))
    server.on("GET", "/templates", {"templates": [TEMPLATE]})
    server.on("GET", "/templates/t", TEMPLATE)
    server.on("PATCH", "/templates/t", {**TEMPLATE, "name": "u"})
    server.on("DELETE", "/templates/t", Answer(204))
    template = await async_client.create_template("t", "host")
    assert template == Template("t", "host", ResourceSpec("1", "1Gi"), id="t1")
    await async_client.create_template(
        "t",
        "host",
        cpu="2",
        memory="2Gi",
        storage="3Gi",
        volume_mounts=[VolumeMountSpec("data", "/data")],
    )
    assert await async_client.list_templates() == [template]
    assert await async_client.get_template("t") == template
    assert (await async_client.update_template("t", new_name="u")).name == "u"
    await async_client.delete_template("t")
    first, second = (each.json for each in server.requests("POST", "/templates"))
    assert first == {"name": "t", "image": "host", "resources": {"cpu": "500m", "memory": "512Mi"}}
    assert second["resources"] == {"cpu": "2", "memory": "2Gi", "storage": "3Gi"}
    assert second["volume_mounts"] == [{"volume_name": "data", "mount_path": "/data"}]


async def test_pools(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.on("POST", "/pools", Answer(201, POOL))
    server.on("GET", "/pools", {"pools": [POOL]})
    server.on("GET", "/pools/p", POOL)
    server.on("PATCH", "/pools/p", {**POOL, "replicas": 0})
    server.on("DELETE", "/pools/p", Answer(204))
    pool = await async_client.create_pool("p", "t", 2)
    assert pool == Pool("p", "t", 2, id="p1", ready_replicas=1)
    assert await async_client.list_pools() == [pool]
    assert await async_client.get_pool("p") == await async_client.update_pool("p") == pool
    assert (await async_client.update_pool("p", replicas=0)).replicas == 0
    await async_client.delete_pool("p")
    assert server.requests("POST", "/pools")[0].json == {
        "name": "p",
        "template_name": "t",
        "replicas": 2,
        "wait_for_ready": True,
        "timeout": 30,
    }
    assert server.requests("PATCH", "/pools/p")[0].json == {"replicas": 0}


async def test_sandboxes(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    box = server.box(ttl_seconds=60, expires_at="2030-01-01T00:00:00Z", created_by="me", unknown=[1])
    server.on("POST", "/boxes", Answer(201, box))
    server.on("GET", "/boxes", {"sandboxes": [box]})
    server.on("GET", "/boxes/box", box)
    server.on("GET", "/boxes/box/status", {"status": "failed", "status_message": "why"})
    server.on("PATCH", "/boxes/box", {**box, "name": "new"})
    server.on("DELETE", "/boxes/box", Answer(204))
    sandbox = await async_client.create_sandbox("t", name="box", ttl_seconds=60, idle_ttl_seconds=0)
    assert (sandbox.name, sandbox.status, sandbox.ttl_seconds, sandbox.created_by) == ("box", "ready", 60, "me")
    assert sandbox.expires_at == "2030-01-01T00:00:00Z"
    assert await async_client.list_sandboxes() == [sandbox]
    assert await async_client.get_sandbox("box") == await async_client.update_sandbox("box") == sandbox
    assert (await async_client.update_sandbox("box", new_name="new", idle_ttl_seconds=120)).name == "new"
    assert await async_client.get_sandbox_status("box") == ResourceStatus("failed", "why")
    await async_client.delete_sandbox("box")
    assert server.requests("POST", "/boxes")[0].json == {
        "name": "box",
        "template_name": "t",
        "wait_for_ready": True,
        "timeout": 30,
        "ttl_seconds": 60,
        "idle_ttl_seconds": 0,
    }
    assert server.requests("PATCH", "/boxes/box")[0].json == {"name": "new", "idle_ttl_seconds": 120}


async def test_names_cannot_leave_their_place_in_the_path(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    for name in ("../templates", "a/b?c#d", "..", "ü"):
        with pytest.raises(Exception, match="no answer"):
            await async_client.get_sandbox(name)
    assert [each.path for each in server.seen] == [
        "/v2/sandboxes/boxes/..%2Ftemplates",
        "/v2/sandboxes/boxes/a%2Fb%3Fc%23d",
        "/v2/sandboxes/boxes/%2E%2E",
        "/v2/sandboxes/boxes/%C3%BC",
    ]


async def test_a_sandbox_is_deleted_at_the_end(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.on("POST", "/boxes", Answer(201, server.box()))
    server.on("DELETE", "/boxes/box", Answer(204))
    with pytest.raises(LookupError, match="mine"):
        async with await async_client.sandbox("t"):
            raise LookupError("mine")
    assert len(server.requests("DELETE", "/boxes/box")) == 1
    async with await async_client.create_sandbox("t"):
        pass
    assert len(server.requests("DELETE", "/boxes/box")) == 1


@pytest.mark.parametrize(("answer", "level"), [(refusal(404, "NotFound"), 0), (Answer(500), 1)])
async def test_a_failed_deletion_hides_no_error(
    server: FakeServer,
    async_client: AsyncSandboxClient,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    level: int,
) -> None:
    server.on("POST", "/boxes", Answer(201, server.box()))
    server.on("DELETE", "/boxes/box", answer)
    with caplog.at_level(logging.WARNING, "sandboxcore.client"), pytest.raises(LookupError):
        async with await async_client.sandbox("t"):
            raise LookupError
    assert len([each for each in caplog.records if each.name == "sandboxcore.client"]) == level


async def test_creating_without_waiting_then_waiting(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.on("POST", "/boxes", Answer(201, server.box(status="provisioning", dataplane_url=None)))
    server.on("GET", "/boxes/box/status", {"status": "provisioning"}, {"status": "ready"})
    server.on("GET", "/boxes/box", server.box())
    sandbox = await async_client.create_sandbox("t", wait_for_ready=False)
    assert sandbox.status == "provisioning"
    assert "timeout" not in server.requests("POST", "/boxes")[0].json
    assert (await async_client.wait_for_sandbox("box", poll_interval=0.001)).status == "ready"


async def test_waiting_for_what_never_gets_ready(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    server.on("GET", "/boxes/box/status", {"status": "provisioning"})
    server.on("GET", "/boxes/bad/status", {"status": "failed", "status_message": "no image"})
    with pytest.raises(ResourceTimeoutError) as late:
        await async_client.wait_for_sandbox("box", timeout=0.01, poll_interval=0.001)
    assert (late.value.resource_type, late.value.last_status) == ("sandbox", "provisioning")
    with pytest.raises(ResourceCreationError, match="no image"):
        await async_client.wait_for_sandbox("bad")


@pytest.mark.parametrize(
    ("call", "answer", "expected", "fields"),
    [
        (lambda c: c.get_volume("x"), refusal(404, "NotFound"), ResourceNotFoundError, {"resource_type": "volume"}),
        (lambda c: c.get_template("x"), Answer(404), ResourceNotFoundError, {"resource_type": "template"}),
        (lambda c: c.delete_pool("x"), Answer(404), ResourceNotFoundError, {"resource_type": "pool"}),
        (lambda c: c.get_sandbox_status("x"), Answer(404), ResourceNotFoundError, {"resource_type": "sandbox"}),
        (lambda c: c.delete_volume("x"), refusal(409, "InUse"), ResourceInUseError, {"resource_type": "volume"}),
        (
            lambda c: c.update_sandbox("x", new_name="y"),
            refusal(409, "Conflict"),
            ResourceNameConflictError,
            {"resource_type": "sandbox"},
        ),
        (
            lambda c: c.create_template("x", "i"),
            refusal(409, "Conflict"),
            ResourceAlreadyExistsError,
            {"resource_type": "template"},
        ),
        (
            lambda c: c.create_sandbox("x"),
            refusal(404, "NotFound"),
            ResourceNotFoundError,
            {"resource_type": "template"},
        ),
        (
            lambda c: c.create_sandbox("x"),
            refusal(503, "Unschedulable"),
            ResourceCreationError,
            {"resource_type": "sandbox", "error_type": "Unschedulable"},
        ),
        (
            lambda c: c.create_volume("x", "1Gi"),
            refusal(504, "Timeout"),
            ResourceTimeoutError,
            {"resource_type": "volume"},
        ),
        (lambda c: c.create_sandbox("x"), refusal(408, "Timeout"), ResourceTimeoutError, {"resource_type": "sandbox"}),
        (
            lambda c: c.create_sandbox("x"),
            refusal(429, "Quota", "sandbox count quota"),
            QuotaExceededError,
            {"quota_type": "sandbox_count"},
        ),
        (
            lambda c: c.create_pool("x", "t", 2),
            refusal(400, "TemplateNotFound"),
            ResourceNotFoundError,
            {"resource_type": "template"},
        ),
        (
            lambda c: c.create_pool("x", "t", 2),
            refusal(400, "ValidationError"),
            ValidationError,
            {"error_type": "ValidationError"},
        ),
        (lambda c: c.list_pools(), refusal(401, "Unauthorized"), SandboxAuthenticationError, {}),
    ],
)
async def test_refusals(
    server: FakeServer,
    async_client: AsyncSandboxClient,
    pauses: list[float],
    call: Callable[[Any], Any],
    answer: Answer,
    expected: type[Exception],
    fields: dict[str, Any],
) -> None:
    server.answer = lambda seen: answer  # type: ignore[method-assign]
    with pytest.raises(expected) as caught:
        await call(async_client)
    assert {name: getattr(caught.value, name) for name in fields} == fields
    assert len(server.seen) == 1
    assert pauses == []


async def test_files(server: FakeServer, async_client: AsyncSandboxClient) -> None:
    sandbox = AsyncSandbox.from_dict(server.box(), async_client)
    server.on("POST", "//box/upload", {})
    server.on("GET", "//box/download", b"\x00\xff")
    await sandbox.write("/a b/ü", "tëxt")
    await sandbox.write("f", b"\x00\x01")
    assert await sandbox.read("/a b/ü") == b"\x00\xff"
    text, data, read = server.seen
    assert text.query == read.query == {"path": ["/a b/ü"]}
    assert b'name="file"' in text.content
    assert "tëxt".encode() in text.content
    assert b"\x00\x01" in data.content


@pytest.mark.parametrize(
    ("answer", "expected", "kind"),
    [
        (refusal(400, "WriteError"), SandboxOperationError, "WriteError"),
        (refusal(403, "Forbidden"), SandboxOperationError, "PermissionDenied"),
        (refusal(404, "FileNotFound"), ResourceNotFoundError, None),
        (refusal(502, "ConnectionError"), SandboxConnectionError, None),
    ],
)
async def test_file_refusals(
    server: FakeServer,
    async_client: AsyncSandboxClient,
    pauses: list[float],
    answer: Answer,
    expected: type[Exception],
    kind: str | None,
) -> None:
    sandbox = AsyncSandbox.from_dict(server.box(), async_client)
    server.on("POST", "//box/upload", answer)
    with pytest.raises(expected) as caught:
        await sandbox.write("f", "x")
    assert getattr(caught.value, "error_type", None) == kind


async def test_what_is_tried_again(server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]) -> None:
    server.on("GET", "/pools/p", BUSY, Answer(502), Answer(429, headers={"Retry-After": "5"}), POOL)
    assert (await async_client.get_pool("p")).name == "p"
    assert [int(pause) for pause in pauses] == [1, 2, 5]


async def test_retries_end(server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]) -> None:
    server.on("GET", "/pools/p", BUSY)
    with pytest.raises(SandboxConnectionError, match="503"):
        await async_client.get_pool("p")
    assert len(server.seen) == 4
    assert [int(pause) for pause in pauses] == [1, 2, 4]


async def test_a_quota_without_retry_after_is_final(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]
) -> None:
    answers = [refusal(429, "Quota", "cpu quota", **{"Retry-After": "1"}), refusal(429, "Quota", "cpu quota")]
    server.on("POST", "/boxes", *answers)
    with pytest.raises(QuotaExceededError) as caught:
        await async_client.create_sandbox("t")
    assert caught.value.quota_type == "cpu"
    assert len(pauses) == 1


@pytest.mark.parametrize("lost", [BUSY, DROP])
async def test_a_repeated_create_makes_one(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float], lost: Answer
) -> None:
    server.on("POST", "/templates", lost, refusal(409, "Conflict", "exists"))
    server.on("GET", "/templates/t", TEMPLATE)
    assert (await async_client.create_template("t", "host")).id == "t1"
    with pytest.raises(ResourceAlreadyExistsError):
        await async_client.create_template("t", "host")


async def test_a_repeated_create_does_not_take_what_another_made(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]
) -> None:
    server.on("POST", "/templates", BUSY, refusal(409, "Conflict", "exists"))
    server.on("GET", "/templates/t", TEMPLATE)
    with pytest.raises(ResourceAlreadyExistsError, match="exists"):
        await async_client.create_template("t", "another-image")


async def test_a_repeated_create_of_a_sandbox_waits_for_the_first(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]
) -> None:
    names = []

    def answer(seen: Any) -> Answer:
        if seen.method == "POST":
            names.append(seen.json["name"])
            return DROP if len(names) == 1 else refusal(409, "Conflict", "exists")
        if seen.path.endswith("/status"):
            return Answer(body={"status": "ready"})
        status = "ready" if seen is not server.seen[2] else "provisioning"
        return Answer(body=server.box(name=names[0], status=status))

    server.answer = answer  # type: ignore[method-assign]
    sandbox = await async_client.create_sandbox("t")
    assert (sandbox.name, sandbox.status) == (names[0], "ready")
    assert names[0] == names[1]


async def test_a_repeated_delete_that_finds_nothing_succeeded(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]
) -> None:
    server.on("DELETE", "/boxes/box", DROP, refusal(404, "NotFound"))
    await async_client.delete_sandbox("box")
    with pytest.raises(ResourceNotFoundError):
        await async_client.delete_sandbox("box")


async def test_a_repeated_rename_finds_the_new_name(
    server: FakeServer, async_client: AsyncSandboxClient, pauses: list[float]
) -> None:
    server.on("PATCH", "/templates/t", DROP, refusal(404, "NotFound"))
    server.on("GET", "/templates/u", {**TEMPLATE, "name": "u"})
    assert (await async_client.update_template("t", new_name="u")).name == "u"


async def test_a_server_that_is_not_there(pauses: list[float]) -> None:
    async with AsyncSandboxClient(api_endpoint="http://127.0.0.1:9", api_key="secret", max_retries=2) as client:
        with pytest.raises(SandboxConnectionError, match="after 3 attempts"):
            await client.list_sandboxes()
    assert len(pauses) == 2


async def test_a_server_that_does_not_answer() -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    async with AsyncSandboxClient(api_endpoint="http://x", transport=httpx.MockTransport(never)) as client:
        with pytest.raises(SandboxConnectionError, match="in time"):
            await client.list_sandboxes()


@pytest.mark.parametrize("body", [b"<html>", [1], {"sandboxes": {}}, {"sandboxes": [1]}, {"sandboxes": [{"name": 1}]}])
async def test_answers_that_make_no_sense(server: FakeServer, async_client: AsyncSandboxClient, body: Any) -> None:
    server.on("GET", "/boxes", body)
    with pytest.raises(InvalidResponseError):
        await async_client.list_sandboxes()


async def test_extra_headers_and_environment(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_ENDPOINT", server.endpoint)
    monkeypatch.setenv("SANDBOX_API_KEY", "from-environment")
    server.on("GET", "/boxes", {"sandboxes": []})
    async with AsyncSandboxClient(headers={"X-Trace": "1"}) as client:
        assert await client.list_sandboxes() == []
    assert server.seen[0].headers["x-api-key"] == "from-environment"
    assert server.seen[0].headers["x-trace"] == "1"


async def test_secrets_stay_out_of_sight(server: FakeServer) -> None:
    async with AsyncSandboxClient(api_endpoint="http://user:pw@host/x", api_key="secret-key") as client:
        sandbox = AsyncSandbox.from_dict(server.box(), client)
        shown = repr(client) + repr(sandbox) + str(client)
    assert "secret-key" not in shown
    assert "pw" not in shown
    assert "host" in shown
