"""The runtime's client side: what it makes of the host's answers and absences."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import RuntimeUnavailableError, StartFailedError, VolumeMount
from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
from sandboxcore.shim.wire import HEADER, decode_control, decode_header, encode_control
from tests.runtimes.namespaces.conftest import spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class FakeHost:
    """Answers with what the test says; ``"drop"`` closes the connection instead."""

    def __init__(self, answers: list[object]) -> None:
        self.answers = answers
        self.requests: list[dict[str, object]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length, _ = decode_header(await reader.readexactly(HEADER.size))
                request = decode_control(await reader.readexactly(length))
                self.requests.append(request)
                answer = self.answers.pop(0)
                if not isinstance(answer, dict):
                    return
                writer.write(encode_control({"seq": request["seq"], **answer}))
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[tuple[FakeHost, NamespacesRuntime]]:
    host = FakeHost([])
    server = await asyncio.start_unix_server(host.serve, str(tmp_path / "host.sock"))
    runtime = NamespacesRuntime(tmp_path)
    yield host, runtime
    await runtime.close()
    server.close()
    await server.wait_closed()


Fake = tuple[FakeHost, NamespacesRuntime]


def failed(kind: str, message: str = "words", remedy: str | None = None) -> dict[str, object]:
    return {"error": {"kind": kind, "message": message, "remedy": remedy}}


async def test_no_host(tmp_path: Path) -> None:
    runtime = NamespacesRuntime(tmp_path)
    with pytest.raises(RuntimeUnavailableError, match="does not answer") as caught:
        await runtime.start()
    assert "make up" in caught.value.remedy


async def test_a_machine_that_cannot_isolate(fake: Fake) -> None:
    host, runtime = fake
    host.answers = [failed("Unavailable", "no user namespaces", "sysctl this")]
    with pytest.raises(RuntimeUnavailableError, match="no user namespaces") as caught:
        await runtime.start()
    assert caught.value.remedy == "sysctl this"


@pytest.mark.parametrize("kind", ["ImagePull", "CrashLoop", "SandboxConfig", "Unschedulable"])
async def test_kinds_of_failed_starts(fake: Fake, kind: str) -> None:
    host, runtime = fake
    host.answers = [failed(kind, "why")]
    with pytest.raises(StartFailedError, match="why") as caught:
        await runtime.create(spec())
    assert caught.value.kind == kind


async def test_a_refused_specification_is_a_configuration_error(fake: Fake) -> None:
    host, runtime = fake
    host.answers = [failed("BadRequest", "pids must be")]
    with pytest.raises(StartFailedError) as caught:
        await runtime.create(spec())
    assert caught.value.kind == "SandboxConfig"


async def test_a_lost_connection_is_made_anew(fake: Fake) -> None:
    host, runtime = fake
    made = {"result": {"id": "x", "state": "running", "created_at": 1.0, "reason": None}}
    host.answers = ["drop", made, "drop", made]
    assert (await runtime.create(spec())).state == "running"
    assert (await runtime.create(spec())).created_at == 1.0
    assert [request["op"] for request in host.requests] == ["create"] * 4


async def test_a_host_that_always_hangs_up(fake: Fake) -> None:
    host, runtime = fake
    host.answers = ["drop"] * 3
    with pytest.raises(RuntimeUnavailableError, match="went away"):
        await runtime.destroy(spec().id)


async def test_pages_are_put_together(fake: Fake) -> None:
    host, runtime = fake
    one = {"id": "a", "state": "running", "created_at": 1.0, "reason": None}
    two = {"id": "b", "state": "dead", "created_at": 2.0, "reason": "why"}
    host.answers = [{"result": {"sandboxes": [one], "more": True}}, {"result": {"sandboxes": [two], "more": False}}]
    assert [(box.id, box.state, box.reason) for box in await runtime.list_owned()] == [
        ("a", "running", None),
        ("b", "dead", "why"),
    ]
    assert [request["after"] for request in host.requests] == ["", "a"]


async def test_what_the_host_is_sent(fake: Fake) -> None:
    host, runtime = fake
    host.answers = [{"result": {"id": "x", "state": "running", "created_at": 1.0, "reason": None}}]
    wanted = spec(env={"A": "b"}, mounts=(VolumeMount("v", "/data"),))
    box = await runtime.create(wanted)
    assert host.requests[0]["spec"] == {
        "id": wanted.id,
        "image": "host",
        "hostname": "inside",
        "env": {"A": "b"},
        "mounts": [{"volume_id": "v", "path": "/data"}],
        "resources": {"cpu_millis": 1000, "memory_bytes": 256 << 20, "storage_bytes": 64 << 20, "pids": 64},
    }
    assert box.shim_socket.parts[-3:] == ("sandboxes", "x", "shim.sock")


async def test_why_the_host_refuses_the_connection(tmp_path: Path) -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_control({"seq": None, **failed("NotAllowed", "64 connections are open")}))
        writer.close()

    server = await asyncio.start_unix_server(refuse, str(tmp_path / "host.sock"))
    runtime = NamespacesRuntime(tmp_path)
    with pytest.raises(RuntimeUnavailableError, match="64 connections"):
        await runtime.start()
    await runtime.close()
    server.close()
    await server.wait_closed()
