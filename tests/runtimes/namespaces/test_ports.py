"""Ports of a sandbox that is really isolated: its own loopback, and nobody else's."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtimes.namespaces.conftest import spec
from tests.shim.peer import Peer, run

if TYPE_CHECKING:
    from tests.runtimes.namespaces.conftest import Box

pytestmark = pytest.mark.kernel
LISTEN = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=int(sys.argv[2]))
print("up", flush=True)
time.sleep(600)
"""


async def dialed(box: Box, port: int, path: Any = None) -> dict[str, Any]:
    peer = await Peer.ask(path or box.sandbox.shim_socket, "dial", port=port)
    _, body = await peer.frame() or (None, b"{}")
    peer.drop()
    answer: dict[str, Any] = json.loads(body)
    return answer


async def listen(box: Box, port: int, backlog: int = 10) -> None:
    argv = ["python3", "-c", LISTEN, str(port), str(backlog)]
    peer = await Peer.ask(box.sandbox.shim_socket, "start", command_id=os.urandom(4).hex(), candidates=[argv])
    await peer.until(b"up")


async def test_the_loopback_is_up(box: Box) -> None:
    flags = await box.python("print(open('/sys/class/net/lo/flags').read())")
    assert int(flags, 16) & 1
    await listen(box, 8000)
    assert await dialed(box, 8000) == {"type": "dialed"}


async def test_it_is_the_sandboxs_own(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert (await dialed(box, port))["error_type"] == "PortClosed"
    await listen(box, 8000)
    other = await box.runtime.create(spec())
    assert (await dialed(box, 8000, other.shim_socket))["error_type"] == "PortClosed"


async def test_without_processes_to_spare(box: Box) -> None:
    await listen(box, 8000)
    hog = await Peer.run(box.sandbox.shim_socket, "(while :; do sleep 600 & done) 2>/dev/null; echo full; sleep 600")
    try:
        while (await box.run("true")).exit_code == 0:
            pass
        assert await dialed(box, 8000) == {"type": "dialed"}, "it needs no process"
    finally:
        hog.send("kill")
        await hog.rest()


async def test_pid_1_waits_for_nobody(box: Box) -> None:
    await listen(box, 8000, backlog=0)
    stuck = [await Peer.ask(box.sandbox.shim_socket, "dial", port=8000) for _ in range(100)]
    began = time.monotonic()
    assert (await run(box.sandbox.shim_socket, "echo fine")).stdout == b"fine\n"
    assert time.monotonic() - began < 5, "it takes 5 s to give one of them up"
    for each in stuck:
        each.drop()
