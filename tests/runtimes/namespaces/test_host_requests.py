"""What reaches the host's socket is not believed: every bad request is answered, and nobody else notices."""

from __future__ import annotations

import json
import os
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sandboxcore.runtimes.namespaces import connections
from sandboxcore.shim.wire import FrameReader, Kind, encode, encode_control
from tests.runtimes.namespaces.conftest import MIB, needs_root, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtimes.namespaces.conftest import Host

pytestmark = [pytest.mark.kernel, needs_root]


class Asker:
    """A client that can also misbehave."""

    opened: ClassVar[list[socket.socket]] = []

    def __init__(self, host: Host) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.opened.append(self.socket)
        self.socket.settimeout(20)
        self.socket.connect(str(host.socket))
        self._frames = FrameReader()
        self._answers: list[dict[str, Any]] = []
        self._seq = 0

    def send(self, op: object, **fields: Any) -> int:
        self._seq += 1
        self.socket.sendall(encode_control({"op": op, "seq": self._seq, **fields}))
        return self._seq

    def answer(self) -> dict[str, Any] | None:
        """The next answer; None at the end of the connection."""
        while not self._answers:
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self._answers += [json.loads(body) for _, body in self._frames.feed(data)]
        return self._answers.pop(0)

    def ask(self, op: object, **fields: Any) -> dict[str, Any]:
        seq = self.send(op, **fields)
        answer = self.answer()
        assert answer is not None
        assert answer["seq"] == seq
        return answer


@pytest.fixture
def asker(shared_host: Host) -> Iterator[Asker]:
    yield Asker(shared_host)
    while Asker.opened:
        Asker.opened.pop().close()


def fields(**changes: Any) -> dict[str, Any]:
    resources = {"cpu_millis": 500, "memory_bytes": 64 * MIB, "storage_bytes": 32 * MIB, "pids": 32}
    good = {"id": str(uuid.uuid4()), "image": "host", "hostname": "h", "env": {}, "mounts": [], "resources": resources}
    return {**good, **changes}


def resources(**changes: Any) -> dict[str, Any]:
    return fields(resources={**fields()["resources"], **changes})


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (None, "spec"),
        ([], "spec"),
        ({}, "id"),
        (fields(id="../../../etc"), "id"),
        (fields(id=""), "id"),
        (fields(id="A" * 36), "id"),
        (fields(id=str(uuid.uuid4()).upper()), "id"),
        (fields(id=str(uuid.uuid4()) + "\n"), "id"),
        (fields(id=7), "id"),
        (fields(image=""), "image"),
        (fields(image="x" * 513), "image"),
        (fields(image=None), "image"),
        (fields(hostname="-bad"), "hostname"),
        (fields(hostname="a" * 64), "hostname"),
        (fields(hostname="a\nb"), "hostname"),
        (fields(hostname="../x"), "hostname"),
        (fields(env=[]), "env"),
        (fields(env={"A": 1}), "env"),
        (fields(env={"A=B": "x"}), "env"),
        (fields(env={"A": "x\0y"}), "env"),
        (fields(env={"A": "x" * 40_000}), "env"),
        (fields(env={f"A{n}": "" for n in range(65)}), "env"),
        (fields(mounts={}), "mounts"),
        (fields(mounts=[1]), "mount"),
        (fields(mounts=[{"volume_id": "x", "path": "/data"}]), "volume_id"),
        (fields(mounts=[{"volume_id": str(uuid.uuid4()), "path": "/a/../etc"}]), "path"),
        (fields(mounts=[{"volume_id": str(uuid.uuid4()), "path": "data"}]), "path"),
        (fields(mounts=[{"volume_id": str(uuid.uuid4()), "path": "/proc/1"}]), "a part of the system"),
        (fields(mounts=[{"volume_id": "../x", "path": "/data"}]), "volume_id"),
        (fields(mounts=[{"volume_id": str(uuid.uuid4()), "path": "/data"}] * 2), "a path of their own"),
        (fields(resources=[]), "resources"),
        (resources(cpu_millis=0), "cpu_millis"),
        (resources(cpu_millis=True), "cpu_millis"),
        (resources(cpu_millis=0.5), "cpu_millis"),
        (resources(memory_bytes=1), "memory_bytes"),
        (resources(memory_bytes="1Gi"), "memory_bytes"),
        (resources(storage_bytes=-1), "storage_bytes"),
        (resources(storage_bytes=1 << 60), "storage_bytes"),
        (resources(pids=1), "pids"),
        (resources(pids=10**30), "pids"),
    ],
)
def test_bad_specifications(asker: Asker, spec: Any, word: str) -> None:
    error = asker.ask("create", spec=spec)["error"]
    assert error["kind"] == "BadRequest"
    assert word in error["message"]


@pytest.mark.parametrize("op", ["", "nonsense", None, 7, [], {"a": 1}, "x" * 1000, "__class__", "_look_again"])
def test_unknown_operations(asker: Asker, op: object) -> None:
    error = asker.ask(op)["error"]
    assert error["kind"] == "BadRequest"
    assert "unknown op" in error["message"]
    assert len(error["message"]) < 200


@pytest.mark.parametrize("op", ["destroy", "inspect", "usage"])
@pytest.mark.parametrize("sandbox_id", [None, 1, "", "../host.sock", "/", "\0", "x" * 100_000, ["a"], {}])
def test_bad_ids(asker: Asker, op: str, sandbox_id: object) -> None:
    assert asker.ask(op, id=sandbox_id)["error"]["kind"] == "BadRequest"


def test_unknown_ids(asker: Asker) -> None:
    nobody = str(uuid.uuid4())
    assert asker.ask("destroy", id=nobody)["result"] == {}
    assert asker.ask("inspect", id=nobody)["result"] == {"sandbox": None}
    assert asker.ask("usage", id=nobody)["error"]["kind"] == "Gone"


def test_an_unknown_image_and_a_volume(asker: Asker) -> None:
    error = asker.ask("create", spec=fields(image="python:3.12-slim"))["error"]
    assert error["kind"] == "ImagePull"
    assert "python:3.12-slim" in error["message"]
    assert "host" in error["message"]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack("!IB", 1 << 31, 0),
        struct.pack("!IB", 2, 9) + b"{}",
        encode(Kind.DATA, b"x"),
        encode(Kind.CONTROL, b"not json"),
        encode(Kind.CONTROL, b"\xff\xfe"),
        encode(Kind.CONTROL, b"[1]"),
        encode(Kind.CONTROL, b'{"op": "list"}'),
        encode(Kind.CONTROL, b'{"op": "list", "seq": "1"}'),
        encode(Kind.CONTROL, b'{"a":' * 5000),
        encode(Kind.CONTROL, b"9" * 10_000),
    ],
)
def test_broken_frames_are_answered_and_the_connection_closed(asker: Asker, data: bytes) -> None:
    asker.socket.sendall(data)
    answer = asker.answer()
    assert answer is not None
    assert answer["seq"] is None
    assert answer["error"]["kind"] == "BadRequest"
    assert asker.answer() is None


def test_nobody_waits_for_a_peer_that_does_not_read(shared_host: Host, asker: Asker) -> None:
    slow = Asker(shared_host)
    slow.socket.setblocking(False)
    request = encode_control({"op": "list", "seq": 1}) * 1000
    try:
        for _ in range(2000):
            slow.socket.send(request)
    except (BlockingIOError, ConnectionError):
        pass
    assert "result" in asker.ask("capabilities")
    slow.socket.close()


def test_half_a_request_and_a_vanished_peer_cost_nothing(shared_host: Host, asker: Asker) -> None:
    for cut in (1, 4, 5, 20):
        other = Asker(shared_host)
        other.socket.sendall(encode_control({"op": "create", "seq": 1, "spec": fields()})[:cut])
        other.socket.close()
    wanted = fields()
    vanishing = Asker(shared_host)
    vanishing.send("create", spec=wanted)
    vanishing.socket.close()
    wait_until(lambda: asker.ask("inspect", id=wanted["id"])["result"]["sandbox"], "it is made all the same")
    assert asker.ask("create", spec=wanted)["result"]["id"] == wanted["id"]
    assert asker.ask("destroy", id=wanted["id"])["result"] == {}


def test_too_many_connections_are_refused_in_words(shared_host: Host, asker: Asker) -> None:
    assert "result" in asker.ask("capabilities")
    others = [Asker(shared_host) for _ in range(connections.MAX_CONNECTIONS - 1)]
    for other in others:
        assert "result" in other.ask("capabilities")
    refused = Asker(shared_host)
    answer = refused.answer()
    assert answer is not None
    assert "close one first" in answer["error"]["message"]
    others.pop().socket.close()

    def admitted() -> bool:
        newcomer = Asker(shared_host)
        try:
            return "result" in newcomer.ask("capabilities")
        except (AssertionError, ConnectionError):
            return False

    wait_until(admitted, "a place is free again")


def test_other_users_are_kept_out(shared_host: Host) -> None:
    assert shared_host.socket.stat().st_mode & 0o777 == 0o600
    for folder in ("records", "stage"):
        assert (shared_host.run_dir / folder).stat().st_mode & 0o077 == 0
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setresgid(54321, 54321, 54321)
            os.setresuid(54321, 54321, 54321)
            socket.socket(socket.AF_UNIX).connect(str(shared_host.socket))
        except PermissionError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_many_requests_on_one_connection_are_all_answered(asker: Asker) -> None:
    wanted = [fields() for _ in range(12)]
    seqs = {asker.send("create", spec=one) for one in wanted}
    answers = [asker.answer() for _ in wanted]
    assert {answer["seq"] for answer in answers if answer} == seqs
    assert all("result" in answer for answer in answers if answer)
    for one in wanted:
        asker.send("destroy", id=one["id"])
    assert all("result" in (asker.answer() or {}) for _ in wanted)
    assert asker.ask("list")["result"] == {"sandboxes": [], "more": False}
