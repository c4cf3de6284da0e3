"""TCP ports inside a sandbox, through its shim."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.shim.wire import Kind
from tests.runtimes.contract.conftest import spec
from tests.shim.peer import Peer, close_all, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sandboxcore.runtimes.base import Runtime, RuntimeSandbox

    Start = Callable[..., Awaitable["Program"]]

PROGRAM = r"""
import hashlib, os, signal, socket, struct, sys, threading
what, family = sys.argv[1], {"4": socket.AF_INET, "6": socket.AF_INET6}[sys.argv[2]]

def echo(peer):
    while data := peer.recv(65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)

def digest(peer):
    whole = hashlib.sha256()
    while data := peer.recv(65536):
        whole.update(data)
    peer.sendall(whole.hexdigest().encode())

def talk(peer):
    peer.sendall(b"all I have to say")
    peer.shutdown(socket.SHUT_WR)
    print(len(b"".join(iter(lambda: peer.recv(65536), b""))), flush=True)

def flood(peer):
    try:
        while True:
            peer.sendall(b"x" * 65536)
    except ConnectionError:
        print("lost", flush=True)

def deaf(peer):
    print("connected", flush=True)
    threading.Event().wait()

def reset(peer):
    peer.sendall(b"last words")
    peer.recv(1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

def answer_early(peer):
    peer.recv(10)
    peer.sendall(b"too large")

def serve(peer):
    with peer:
        globals()[what](peer)

listener = socket.create_server(("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family,
                                backlog=0 if what == "never" else 512)
print(listener.getsockname()[1], flush=True)
if what in ("never", "queue"):
    threading.Event().wait()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Program:
    """A program that listens inside the sandbox."""

    def __init__(self, shim: Path, peer: Peer, port: int) -> None:
        self.shim = shim
        self.peer = peer
        self.port = port

    async def dial(self) -> Caller:
        return await Caller.dial(self.shim, self.port)

    async def prints(self, text: bytes) -> None:
        await self.peer.until(text)


class Caller(Peer):
    """A dialed connection."""

    @classmethod
    async def dial(cls, shim: Path, port: object) -> Caller:
        caller = await cls.connect(shim)
        assert isinstance(caller, Caller)
        caller.send("dial", port=port)
        return caller

    async def answer(self) -> dict[str, Any]:
        kind, body = await self.frame() or (None, b"{}")
        assert kind is Kind.CONTROL, (kind, body[:100])
        message: dict[str, Any] = json.loads(body)
        return message

    async def reached(self) -> Caller:
        assert await self.answer() == {"type": "dialed"}
        return self

    async def data(self) -> tuple[bytes, dict[str, Any]]:
        """All that the program sends, and the message after it."""
        gathered = bytearray()
        while (frame := await self.frame()) is not None:
            kind, body = frame
            if kind is Kind.CONTROL:
                return bytes(gathered), json.loads(body)
            gathered += body
        return bytes(gathered), {}


@pytest.fixture
async def start(shim: Path) -> AsyncIterator[Start]:
    """Starts a program of ``PROGRAM``."""

    async def begin(what: str, version: int = 4) -> Program:
        argv = ["python3", "-c", PROGRAM, what, str(version)]
        peer = await Peer.ask(shim, "start", command_id=os.urandom(4).hex(), candidates=[argv])
        await peer.until(b"\n")
        port = int(peer.outcome.stdout)
        return Program(shim, peer, port)

    yield begin
    await close_all()


async def test_it_works(start: Start) -> None:
    caller = await (await (await start("echo")).dial()).reached()
    caller.type(b"hello")
    assert await caller.frame() == (Kind.DATA, b"hello")
    caller.send("end")
    assert await caller.data() == (b"", {"type": "end"})
    assert await caller.frame() is None


async def test_ipv6(start: Start) -> None:
    caller = await (await (await start("echo", 6)).dial()).reached()
    caller.type(b"hello")
    assert await caller.frame() == (Kind.DATA, b"hello")


async def test_the_caller_ends_first(start: Start) -> None:
    caller = await (await (await start("digest")).dial()).reached()
    await caller.paste(b"abc" * 100_000)
    caller.send("end")
    data, last = await caller.data()
    assert data.decode() == hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert last == {"type": "end"}


async def test_the_program_ends_first(start: Start) -> None:
    program = await start("talk")
    caller = await (await program.dial()).reached()
    assert await caller.data() == (b"all I have to say", {"type": "end"})
    await caller.paste(b"x" * 1_234_567)
    caller.send("end")
    assert await caller.frame() is None
    await program.prints(b"1234567")


async def test_nothing_listens(shim: Path, start: Start) -> None:
    program = await start("echo")
    program.peer.send("kill")
    await program.peer.rest()
    answer = await (await program.dial()).answer()
    assert (answer["type"], answer["error_type"]) == ("error", "PortClosed")
    assert str(program.port) in answer["error"]
    assert (await run(shim, "echo fine")).stdout == b"fine\n"


@pytest.mark.parametrize("port", [0, -1, 65536, "80", None, True, 80.0])
async def test_what_is_no_port(shim: Path, port: object) -> None:
    caller = await Caller.dial(shim, port)
    assert (await caller.answer())["error_type"] == "DialFailed"
    caller.close()


async def test_a_program_that_never_accepts(shim: Path, start: Start) -> None:
    program = await start("never")
    callers = [await program.dial() for _ in range(4)]
    assert (await run(shim, "echo fine")).stdout == b"fine\n", "nobody else waits"
    answers = [await caller.answer() for caller in callers]
    assert {answer.get("error_type", "dialed") for answer in answers} == {"PortBusy", "dialed"}


async def test_both_directions_at_once(start: Start) -> None:
    caller = await (await (await start("echo")).dial()).reached()
    content = os.urandom(1 << 20) * 32

    async def write() -> None:
        await caller.paste(content)
        caller.send("end")

    writing = asyncio.create_task(write())
    data, last = await caller.data()
    await writing
    assert last == {"type": "end"}
    assert hashlib.sha256(data).digest() == hashlib.sha256(content).digest()


async def test_a_caller_that_reads_nothing(shim: Path, start: Start) -> None:
    program = await start("flood")
    caller = await (await program.dial()).reached()
    assert (await run(shim, "echo fine")).stdout == b"fine\n"
    caller.drop()
    await program.prints(b"lost")


async def test_a_program_that_reads_nothing(shim: Path, start: Start) -> None:
    program = await start("deaf")
    caller = await (await program.dial()).reached()
    await program.prints(b"connected")
    pasting = asyncio.create_task(caller.paste(b"x" * (64 << 20)))
    assert (await run(shim, "echo fine")).stdout == b"fine\n"
    assert not pasting.done(), "it was held back"
    caller.drop()
    await asyncio.gather(pasting, return_exceptions=True)


async def test_the_program_resets(start: Start) -> None:
    caller = await (await (await start("reset")).dial()).reached()
    assert await caller.frame() == (Kind.DATA, b"last words")
    caller.type(b"go")
    data, last = await caller.data()
    assert (data, last["error_type"]) == (b"", "ConnectionReset")
    assert await caller.frame() is None


async def test_an_answer_before_the_end_of_the_question(start: Start) -> None:
    caller = await (await (await start("answer_early")).dial()).reached()
    pasting = asyncio.create_task(caller.paste(b"x" * (32 << 20)))
    data, last = await caller.data()
    await asyncio.gather(pasting, return_exceptions=True)
    assert data == b"too large"
    assert last.get("type") in {"end", "error"}


async def test_the_caller_vanishes(start: Start) -> None:
    program = await start("flood")
    caller = await (await program.dial()).reached()
    caller.send("end")
    await caller.writer.drain()
    assert (await caller.frame() or ("", b""))[0] is Kind.DATA
    caller.drop()
    await program.prints(b"lost")


async def test_a_broken_caller(shim: Path, start: Start) -> None:
    caller = await (await (await start("echo")).dial()).reached()
    caller.send("resize", rows=1, cols=1)
    assert (await caller.data())[1]["type"] == "error"
    assert (await run(shim, "echo fine")).stdout == b"fine\n"


async def test_many_at_once(start: Start) -> None:
    program = await start("echo")

    async def echo(number: int) -> None:
        caller = await (await program.dial()).reached()
        word = f"word {number}".encode()
        caller.type(word)
        caller.send("end")
        assert await caller.data() == (word, {"type": "end"})
        caller.close()

    await asyncio.gather(*[echo(number) for number in range(150)])


async def test_more_than_there_may_be(start: Start) -> None:
    program = await start("queue")
    callers = await asyncio.gather(*[program.dial() for _ in range(256)])
    await asyncio.gather(*[caller.reached() for caller in callers])
    refused = await program.dial()
    assert (await refused.answer())["error_type"] == "DialFailed"
    refused.drop()
    callers[0].drop()
    async with asyncio.timeout(20):
        while (await (again := await program.dial()).answer())["type"] != "dialed":
            again.drop()
            await asyncio.sleep(0.01)


async def test_the_end_of_the_sandbox(runtime: Runtime) -> None:
    made = await runtime.create(spec())
    argv = ["python3", "-c", PROGRAM, "echo", "4"]
    peer = await Peer.ask(made.shim_socket, "start", command_id="c", candidates=[argv])
    await peer.until(b"\n")
    caller = await (await Caller.dial(made.shim_socket, int(peer.outcome.stdout))).reached()
    await runtime.destroy(made.id)
    data, _ = await caller.data()
    assert data == b""
    async with asyncio.timeout(10):
        while await caller.frame() is not None:
            pass


async def test_no_descriptor_stays_open(box: RuntimeSandbox, start: Start) -> None:
    program = await start("echo")
    before = _descriptors(box)
    for number in range(30):
        caller = await (await program.dial()).reached()
        caller.type(b"x")
        await caller.frame()
        if number % 2:
            caller.drop()
        else:
            caller.send("end")
            await caller.data()
            caller.close()
    async with asyncio.timeout(20):
        while _descriptors(box) > before:
            await asyncio.sleep(0.01)


def _descriptors(box: RuntimeSandbox) -> int:
    """How many the process has that listens on the shim's socket."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(box.shim_socket))
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return sum(1 for _ in Path(f"/proc/{struct.unpack('3i', credentials)[0]}/fd").iterdir())
