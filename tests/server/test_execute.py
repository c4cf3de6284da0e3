"""``POST /execute`` on the real server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside
    from tests.server.running import Sandboxd


@pytest.fixture
def execute(api: httpx.AsyncClient, box: dict[str, Any]) -> Callable[..., Awaitable[httpx.Response]]:
    async def call(command: Any, **fields: Any) -> httpx.Response:
        return await api.post(f"{box['dataplane_url']}/execute", json={"command": command, **fields})

    return call


async def test_it_works(execute: Callable[..., Awaitable[httpx.Response]]) -> None:
    answer = await execute("echo out; echo err >&2; exit 7", timeout=10)
    assert answer.status_code == 200
    assert answer.json() == {"stdout": "out\n", "stderr": "err\n", "exit_code": 7}


async def test_environment_folder_and_shell(execute: Callable[..., Awaitable[httpx.Response]]) -> None:
    fields = {"env": {"WHO": "ada"}, "cwd": "/tmp", "shell": "/bin/sh"}
    answer = await execute("echo $WHO; pwd; echo $0", **fields)
    assert answer.json()["stdout"] == "ada\n/tmp\n/bin/sh\n"


async def test_a_signal_is_128_and_its_number(execute: Callable[..., Awaitable[httpx.Response]]) -> None:
    assert (await execute("kill -9 $$")).json()["exit_code"] == 137


async def test_bytes_that_are_no_utf8_become_replacement_characters(
    execute: Callable[..., Awaitable[httpx.Response]],
) -> None:
    assert (await execute(r"printf 'a\xffb\xe2\x82'")).json()["stdout"] == "a\ufffdb\ufffd"


async def test_a_command_that_reads_gets_end_of_file(execute: Callable[..., Awaitable[httpx.Response]]) -> None:
    assert (await execute("cat; echo done")).json()["stdout"] == "done\n"


async def test_large_output_is_whole(execute: Callable[..., Awaitable[httpx.Response]]) -> None:
    answer = await execute("head -c 20000000 /dev/zero | tr '\\0' x")
    assert answer.json()["stdout"] == "x" * 20_000_000


async def test_a_timeout_kills_the_command(execute: Callable[..., Awaitable[httpx.Response]]) -> None:
    answer = await execute("echo before; sleep 60", timeout=1)
    assert answer.status_code == 400
    assert answer.json()["detail"]["error"] == "CommandTimeout"


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"command": None}, ["body", "command"]),
        ({"command": 5}, ["body", "command"]),
        ({"timeout": "long"}, ["body", "timeout"]),
        ({"env": {"A": 1}}, ["body", "env", "A"]),
        ({"env": "A=1"}, ["body", "env"]),
        ({"cwd": []}, ["body", "cwd"]),
    ],
)
async def test_a_wrong_field_is_422(
    execute: Callable[..., Awaitable[httpx.Response]], fields: dict[str, Any], loc: list[str]
) -> None:
    answer = await execute(**{"command": "true", **fields})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == loc


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ""},
        {"command": "a\0b"},
        {"command": "true", "shell": "/no/such/shell"},
        {"command": "true", "cwd": "/no/such/folder"},
        {"command": "true", "env": {"A=B": "x"}},
        {"command": "x" * (2 << 20)},
    ],
)
async def test_what_cannot_run_is_a_command_error(
    execute: Callable[..., Awaitable[httpx.Response]], fields: dict[str, Any]
) -> None:
    answer = await execute(**fields)
    assert answer.status_code in (400, 413)
    if answer.status_code == 400:
        assert answer.json()["detail"]["error"] == "CommandError"
        assert answer.json()["detail"]["message"]


async def test_output_beyond_the_bound_is_refused_and_the_command_ended(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(execute_output_limit=100_000)
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    url = f"{box['dataplane_url']}/execute"
    answer = await api.post(url, json={"command": "exec yes sandboxd-test-flood"})
    assert answer.status_code == 400
    assert answer.json()["detail"]["error"] == "CommandError"
    assert "WebSocket" in answer.json()["detail"]["message"]
    running = {"command": "pgrep -fx 'yes sandboxd-test-flood' || echo none"}
    async with asyncio.timeout(10):
        while (await api.post(url, json=running)).json()["stdout"] != "none\n":
            await asyncio.sleep(0.05)


async def test_one_that_is_not_ready_is_400(inside: Callable[..., Awaitable[Inside]]) -> None:
    server = await with_template(inside)
    server.runtime.may_create.clear()
    box = (await server.client.post("/boxes", json={"template_name": "t", "wait_for_ready": False})).json()
    answer = await server.client.post(f"{box['dataplane_url']}/execute", json={"command": "true"})
    assert (answer.status_code, answer.json()["detail"]["error"]) == (400, "NotReady")
    assert "provisioning" in answer.json()["detail"]["message"]


async def test_one_whose_shim_is_gone_is_502(inside: Callable[..., Awaitable[Inside]]) -> None:
    server = await with_template(inside)
    box = (await server.client.post("/boxes", json={"template_name": "t"})).json()
    for method, path, body in [("POST", "execute", {"command": "true"}), ("GET", "download?path=x", None)]:
        answer = await server.client.request(method, f"{box['dataplane_url']}/{path}", json=body)
        assert (answer.status_code, answer.json()["detail"]["error"]) == (502, "ConnectionError")


async def test_too_many_at_once_are_told_to_wait(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(max_streams_per_sandbox=2)
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    url = f"{box['dataplane_url']}/execute"
    home = server.run_dir / "sandboxes" / box["id"] / "home"
    gate = {"command": "touch held-$$; while [ ! -e gate ]; do sleep 0.05; done"}
    held = [asyncio.create_task(api.post(url, json=gate)) for _ in range(2)]
    async with asyncio.timeout(10):
        while len(list(home.glob("held-*"))) < 2:
            await asyncio.sleep(0.02)
    refused = await api.post(url, json={"command": "true"})
    assert (refused.status_code, refused.json()["detail"]["error"]) == (429, "TooManyRequests")
    assert refused.headers["Retry-After"] == "1"
    (home / "gate").touch()
    assert [(await call).status_code for call in held] == [200, 200]
    assert (await api.post(url, json={"command": "true"})).status_code == 200


async def test_a_shutdown_answers_what_runs_so_that_no_client_runs_it_again(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd()
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    home = server.run_dir / "sandboxes" / box["id"] / "home"
    url = f"{box['dataplane_url']}/execute"
    call = asyncio.create_task(api.post(url, json={"command": "touch begun; sleep 1; touch ended"}))
    async with asyncio.timeout(10):
        while not (home / "begun").exists():
            await asyncio.sleep(0.02)
    await asyncio.to_thread(server.stop)
    answer = await call
    assert (answer.status_code, answer.json()["detail"]["error"]) == (400, "CommandError")
    assert "goes on" in answer.json()["detail"]["message"]
    async with asyncio.timeout(10):
        while not (home / "ended").exists():
            await asyncio.sleep(0.02)
