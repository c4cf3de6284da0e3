"""Who may call, on the real server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sandboxcore.server import auth
from sandboxcore.server.errors import ApiError
from sandboxcore.server.services import keys
from tests.server.conftest import unique
from tests.server.queries import statements
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd

CALLS = [
    ("GET", "/templates"),
    ("POST", "/templates"),
    ("GET", "/boxes"),
    ("POST", "/boxes"),
    ("GET", "/boxes/x"),
    ("GET", "/boxes/x/status"),
    ("PATCH", "/boxes/x"),
    ("DELETE", "/boxes/x"),
    ("DELETE", "/templates/x"),
    ("GET", "/pools"),
    ("POST", "/pools"),
    ("DELETE", "/pools/x"),
    ("GET", "/capabilities"),
    ("POST", "/boxes/x/dataplane/execute"),
    ("POST", "/boxes/x/dataplane/upload?path=a"),
    ("GET", "/boxes/x/dataplane/download?path=a"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("key", ["", "nonsense", "sbx_000000000000_" + "A" * 43])
async def test_a_missing_or_wrong_key_is_401_and_told_how(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient], method: str, path: str, key: str
) -> None:
    answer = await clients(sandboxd, key).request(method, path, json={})
    assert answer.status_code == 401
    assert answer.json()["detail"]["error"] == "Unauthorized"
    assert "X-Api-Key" in answer.json()["detail"]["message"]


@pytest.mark.parametrize("path", ["/v2/sandboxes/boxes", "/v2/admin/workspaces"])
async def test_nothing_of_a_body_is_read_without_a_key(sandboxd: Sandboxd, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sandboxd.port)
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    writer.write(head.encode() + b"a")
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"Unauthorized")).startswith(b"HTTP/1.1 401")
    writer.close()


async def test_a_right_public_part_with_a_wrong_secret_is_401(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]
) -> None:
    wrong = sandboxd.key[:-4] + ("aaaa" if not sandboxd.key.endswith("aaaa") else "bbbb")
    assert (await clients(sandboxd, wrong).get("/boxes")).status_code == 401


async def test_health_needs_no_key(sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]) -> None:
    answer = await clients(sandboxd, "").get(f"{sandboxd.origin}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "runtime_available": True})


async def test_a_socket_needs_a_key(sandboxd: Sandboxd, box: dict[str, Any]) -> None:
    url = box["dataplane_url"].replace("http", "ws") + "/execute/ws"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url)
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["detail"]["error"] == "Unauthorized"


async def test_another_workspace_sees_nothing(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient], box: dict[str, Any], template: str
) -> None:
    key = sandboxd.cli("keys", "create", "--name", "other", "--workspace", unique("workspace"))["api_key"]
    other = clients(sandboxd, key)
    assert (await other.get("/boxes")).json() == {"sandboxes": []}
    assert (await other.get("/templates")).json() == {"templates": []}
    for name in (box["name"], box["id"]):
        for method, path, body in [
            ("GET", f"/boxes/{name}", None),
            ("GET", f"/boxes/{name}/status", None),
            ("PATCH", f"/boxes/{name}", {"ttl_seconds": 60}),
            ("DELETE", f"/boxes/{name}", None),
            ("POST", f"/boxes/{name}/dataplane/execute", {"command": "true"}),
            ("GET", f"/boxes/{name}/dataplane/download?path=x", None),
            ("GET", f"/templates/{template}", None),
            ("POST", "/boxes", {"template_name": template}),
        ]:
            answer = await other.request(method, path, json=body)
            assert answer.status_code == 404, (method, path)
    with pytest.raises(InvalidStatus) as refused:
        await connect(box["dataplane_url"].replace("http", "ws") + "/execute/ws", additional_headers={"X-Api-Key": key})
    assert refused.value.response.status_code == 404
    assert (await other.post("/templates", json={"name": template, "image": "host"})).status_code == 201


async def test_a_key_that_another_process_revokes_ends(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]
) -> None:
    made = sandboxd.cli("keys", "create", "--name", "short-lived")
    client = clients(sandboxd, made["api_key"])
    assert (await client.get("/boxes")).status_code == 200
    assert sandboxd.cli("keys", "revoke", made["id"]) == {"revoked": True}
    async with asyncio.timeout(30):
        while (await client.get("/boxes")).status_code != 401:
            await asyncio.sleep(0.05)
    assert sandboxd.cli("keys", "revoke", made["id"]) == {"revoked": False}


async def test_scopes_hold(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient], api: httpx.AsyncClient, box: dict[str, Any]
) -> None:
    def with_scopes(*scopes: str) -> httpx.AsyncClient:
        return clients(sandboxd, sandboxd.cli("keys", "create", "--name", "s", "--scopes", *scopes)["api_key"])

    reader, runner = with_scopes("read"), with_scopes("run")
    assert (await reader.get("/boxes")).status_code == 200
    refused = await reader.post("/boxes", json={"template_name": "x"})
    assert refused.status_code == 403
    assert refused.json()["detail"]["error"] == "Forbidden"
    execute = f"/boxes/{box['id']}/dataplane/execute"
    assert (await reader.post(execute, json={"command": "true"})).status_code == 403
    assert (await runner.post(execute, json={"command": "true"})).status_code == 200
    assert (await runner.post("/templates", json={"name": "x", "image": "y"})).status_code == 403
    assert (await runner.get("/boxes")).status_code == 403


async def test_only_a_trusted_key_may_name_a_person(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]
) -> None:
    people = {"X-Sandbox-Actor": "Ad%C3%A1@example.com"}
    for key, created_by in [(sandboxd.console_key, "Adá@example.com"), (sandboxd.key, "api")]:
        body = {"name": unique("template"), "image": "host"}
        answer = await clients(sandboxd, key).post("/templates", json=body, headers=people)
        assert answer.json()["created_by"] == created_by


async def test_a_person_without_a_readable_name_is_the_key(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]
) -> None:
    api = clients(sandboxd, sandboxd.console_key)
    made = await api.post(
        "/templates", json={"name": unique("template"), "image": "host"}, headers=[(b"X-Sandbox-Actor", b"\xad")]
    )
    assert (made.status_code, made.json()["created_by"]) == (201, "console")


async def test_a_keys_last_use_is_recorded(sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]) -> None:
    made = sandboxd.cli("keys", "create", "--name", "seldom")

    def last_use() -> Any:
        return next(key["last_used_at"] for key in sandboxd.cli("keys", "list") if key["id"] == made["id"])

    assert last_use() is None
    await clients(sandboxd, made["api_key"]).get("/boxes")
    async with asyncio.timeout(10):
        while last_use() is None:
            await asyncio.sleep(0.1)


async def test_the_log_holds_no_keys(sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]) -> None:
    secret = sandboxd.key.split("_", 2)[2]
    await clients(sandboxd).get("/boxes/nothing-of-this-name")
    await clients(sandboxd, sandboxd.key + "x").get("/boxes/nothing-of-this-name")
    log = sandboxd.log_file.read_text()
    assert "404 GET /v2/sandboxes/boxes/nothing-of-this-name" in log
    assert secret not in log


async def test_a_key_in_a_path_is_not_logged(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    sandboxd = own_sandboxd()  # a shared one may have logged its share of refusals already
    made = sandboxd.cli("keys", "create", "--name", "pasted")["api_key"]
    await clients(sandboxd).get(f"/boxes/{made}")
    admin = clients(sandboxd, sandboxd.admin_key)
    await admin.delete(f"{sandboxd.origin}/v2/admin/workspaces/default/keys/{made}")
    # A line is written when its answer has been sent.
    line = "404 DELETE /v2/admin/workspaces/default/keys/sbx_…"
    until(lambda: line in sandboxd.log_file.read_text(), what="the line of the refusal")
    log = sandboxd.log_file.read_text()
    assert made.split("_", 2)[2] not in log


async def test_an_unknown_key_and_a_wrong_secret_take_the_same_path(inside: Callable[..., Awaitable[Inside]]) -> None:
    """One question to the database each, and one answer, whether the key was used a moment ago or never existed."""
    server = await inside()
    key = server.client.headers["X-Api-Key"]
    assert (await server.client.get("/boxes")).status_code == 200
    asked: list[list[str]] = []
    answers = []
    for wrong in (key[:-4] + ("aaaa" if not key.endswith("aaaa") else "bbbb"), "sbx_000000000000_" + "A" * 43):
        with statements() as seen:
            answers.append(await server.client.get("/boxes", headers={"X-Api-Key": wrong}))
        asked.append(seen)
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert len(asked[0]) == 1
    assert asked[0] == asked[1]
    with statements() as seen:
        assert (await server.client.get("/boxes")).status_code == 200
    assert not [statement for statement in seen if "secret_sha256" in statement], "a right key is still remembered"


async def test_a_keys_use_is_written_at_most_once_a_minute(
    inside: Callable[..., Awaitable[Inside]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await inside()
    moment = 1_000_000.0
    monkeypatch.setattr(auth, "now", lambda: moment)

    async def written() -> list[float]:
        await server.client.get("/boxes")
        await server.core.keys.record_use()
        found = [key.last_used_at for key, _ in await keys.list_all_keys(server.core.database)]
        return [used for used in found if used is not None]

    assert await written() == [1_000_000]
    moment += auth.WRITE_USE_EVERY - 1
    assert await written() == [1_000_000]
    moment += 2
    assert await written() == [moment]
    moment += 1
    await server.client.get("/boxes")
    await server.core.keys.record_use(everything=True)
    assert await written() == [moment]


async def test_a_key_revoked_while_it_is_looked_up_is_refused(
    inside: Callable[..., Awaitable[Inside]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row was read before the revocation was committed, its use would come after."""
    server = await inside()
    database, text = server.core.database, server.client.headers["X-Api-Key"]
    [(row, _)] = await keys.list_all_keys(database)
    fetch = database.fetch_one

    async def slowly(*arguments: Any) -> Any:
        found = await fetch(*arguments)
        monkeypatch.undo()
        await keys.revoke_key(database, actor="test", workspace_id=row.workspace_id, key_id=row.id)
        server.core.key_watch.ended([row.id])
        return found

    monkeypatch.setattr(database, "fetch_one", slowly)
    with pytest.raises(ApiError, match="revoked"):
        await server.core.keys.identify(text)
