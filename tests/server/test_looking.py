"""What runs inside a sandbox, as the API tells it: real processes, and sandboxes that answer with nonsense."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.server.dataplane import looking
from sandboxcore.shim.wire import MAX_BODY, Kind, encode, encode_control
from tests.server.fakes import FakeRuntime
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import httpx

    from sandboxcore.runtimes.base import RuntimeSandbox
    from tests.server.conftest import Inside
    from tests.server.live import Commands

    Start = Callable[..., Awaitable[Inside]]

PROCESS = {
    "pid": 5,
    "ppid": 1,
    "user": "root",
    "state": "S",
    "command": "sleep",
    "cpu_seconds": 0.5,
    "memory_bytes": 10,
    "started_at": 1_800_000_000.25,
    "threads": 1,
    "internal": False,
}
PORT = {"port": 80, "address": "::", "pid": None, "command": None}
END = encode_control({"type": "end", "truncated": False})
LISTEN = (
    "exec python3 -c 'import socket, time\n"
    's = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(600)\''
)


class Liar(FakeRuntime):
    """Its sandboxes have a shim that says what the test wants."""

    def __init__(self, socket_path: Path) -> None:
        super().__init__()
        self.socket_path = socket_path

    def add(self, sandbox_id: str) -> RuntimeSandbox:
        made = self.made[sandbox_id] = replace(super().add(sandbox_id), shim_socket=self.socket_path)
        return made


@asynccontextmanager
async def lying(inside: Start, folder: Path, said: bytes, *, stays: bool = False) -> AsyncIterator[Inside]:
    """A server with a sandbox ``box`` whose shim answers each request with ``said``, and then closes or stays."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        if stays:
            await reader.read(-1)
        writer.close()

    async with await asyncio.start_unix_server(answer, folder / "liar.sock"):
        server = await with_template(inside, Liar(folder / "liar.sock"))
        assert (await server.client.post("/boxes", json={"name": "box", "template_name": "t"})).status_code == 201
        yield server


async def ask(server: Inside, what: str) -> httpx.Response:
    box = (await server.client.get("/boxes/box")).json()
    return await server.client.get(f"/boxes/{box['id']}/dataplane/{what}")


def processes(*entries: Any) -> bytes:
    return encode_control({"type": "processes", "processes": list(entries)}) + END


async def test_it_works(api: httpx.AsyncClient, box: dict[str, Any], live: Commands) -> None:
    command = await live.run("exec sleep 603")
    await command.started()
    asleep: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not asleep:
            answer = await api.get(f"{box['dataplane_url']}/processes")
            assert answer.status_code == 200, answer.text
            asleep = [each for each in answer.json()["processes"] if each["command"] == "sleep 603"]
    (found,) = asleep
    assert found["threads"] == 1
    assert found["started_at"].startswith("20")
    assert answer.json()["truncated"] is False


async def test_ports(api: httpx.AsyncClient, box: dict[str, Any], live: Commands) -> None:
    command = await live.run(LISTEN)
    await command.started()
    await command.until("\n")
    answer = await api.get(f"{box['dataplane_url']}/ports")
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["ports"]
    assert found["address"] == "127.0.0.1"
    assert found["command"].startswith("python3 -c")


async def test_looking_is_no_use(inside: Start, tmp_path: Path) -> None:
    async with lying(inside, tmp_path, processes(PROCESS)) as server:
        before = (await server.client.get("/boxes/box")).json()["last_activity_at"]
        for what in ("processes", "ports"):
            await ask(server, what)
        assert (await server.client.get("/boxes/box")).json()["last_activity_at"] == before


async def test_one_that_is_not_ready_is_400(inside: Start) -> None:
    runtime = FakeRuntime()
    server = await with_template(inside, runtime)
    runtime.may_create.clear()
    body = {"name": "box", "template_name": "t", "wait_for_ready": False}
    assert (await server.client.post("/boxes", json=body)).status_code == 201
    for what in ("processes", "ports"):
        answer = await ask(server, what)
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"]["error"] == "NotReady"
    runtime.may_create.set()


async def test_hostile_words_stay_words(inside: Start, tmp_path: Path) -> None:
    words = "\x1b[2J<script>\u202e\x00" + "\ud800"
    async with lying(inside, tmp_path, processes({**PROCESS, "command": words, "user": "u" * 99})) as server:
        (found,) = (await ask(server, "processes")).json()["processes"]
    assert found["command"] == "\x1b[2J<script>\u202e\x00?"
    assert found["user"] == "u" * 32
    assert found["started_at"] == "2027-01-15T08:00:00.250000+00:00"


async def test_too_many_and_too_long_are_cut(inside: Start, tmp_path: Path) -> None:
    said = b"".join(
        encode_control({"type": "processes", "processes": [{**PROCESS, "command": "x" * 2000}] * 300}) for _ in range(8)
    )
    async with lying(inside, tmp_path, said + END) as server:
        answer = (await ask(server, "processes")).json()
    assert (len(answer["processes"]), answer["truncated"]) == (2000, True)
    assert {len(each["command"]) for each in answer["processes"]} == {looking.MOST_COMMAND}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        END[:5],
        encode(Kind.DATA, b"x"),
        encode(Kind.CONTROL, b"[]"),
        encode(Kind.CONTROL, b"{"),
        encode(Kind.CONTROL, b"[" * 100_000),
        (MAX_BODY + 1).to_bytes(4, "big") + b"\0",
        encode_control({"type": "ports", "ports": []}),
        encode_control({"type": "processes", "processes": []}) * (looking.MOST_MESSAGES + 1),
        processes("text"),
        *(
            processes({**PROCESS, **wrong})
            for wrong in (
                {"pid": -1},
                {"pid": True},
                {"pid": 1.5},
                {"pid": None},
                {"threads": 10**30},
                {"command": None},
                {"user": 5},
                {"started_at": 1e300},
                {"started_at": float("nan")},
                {"cpu_seconds": "1"},
            )
        ),
    ],
)
async def test_nonsense_is_502(inside: Start, tmp_path: Path, said: bytes) -> None:
    async with lying(inside, tmp_path, said) as server:
        answer = await ask(server, "processes")
    assert answer.status_code == 502, answer.text
    assert len(answer.text) < 400


@pytest.mark.parametrize("wrong", [{"port": 65536}, {"port": "80"}, {"address": 1}, {"pid": "1"}, {"command": 1}])
async def test_nonsense_of_ports_is_502(inside: Start, tmp_path: Path, wrong: dict[str, Any]) -> None:
    said = encode_control({"type": "ports", "ports": [PORT, {**PORT, **wrong}]}) + END
    async with lying(inside, tmp_path, said) as server:
        assert (await ask(server, "ports")).status_code == 502


async def test_silence_is_502(inside: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "ANSWER_SECONDS", 0.1)
    async with lying(inside, tmp_path, processes(PROCESS)[:40], stays=True) as server:
        answer = await ask(server, "processes")
    assert answer.status_code == 502
    assert "very busy" in answer.json()["detail"]["message"]


async def test_a_refusal_is_400_in_the_helpers_words(inside: Start, tmp_path: Path) -> None:
    said = encode_control({"type": "error", "error_type": "FileNotFound", "error": "only Linux tells" + "!" * 9000})
    async with lying(inside, tmp_path, said) as server:
        answer = await ask(server, "ports")
    assert answer.status_code == 400
    detail = json.loads(answer.text)["detail"]
    assert detail["error"] == "ReadError"
    assert detail["message"].startswith("only Linux tells")
    assert len(detail["message"]) <= 500
