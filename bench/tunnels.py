"""A tunnel's cost beside plain loopback: the same program, the same client, with and without SDK, sandboxd and shim."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.figures import Series
from bench.sandboxes import TEMPLATE

if TYPE_CHECKING:
    from sandboxcore import SandboxClient

BYTES = 200_000_000
LOOPBACK_BYTES = 2_000_000_000
PROGRAM = """
import socket, threading

def serve(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    what, _, size = peer.makefile("rb", 0).readline().decode().strip().partition(" ")
    if what == "down":
        left, piece = int(size), b"x" * (1 << 18)
        while left:
            left -= peer.send(piece[:left])
    elif what == "up":
        buffer, left = bytearray(1 << 18), int(size)
        while left:
            left -= peer.recv_into(buffer, min(left, len(buffer)))
        peer.sendall(b".")
    else:
        while byte := peer.recv(1):
            peer.sendall(byte)
    peer.close()

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def measure(client: SandboxClient) -> list[str]:
    """Throughput both ways and the round trip of one byte, as lines."""
    outside = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    assert outside.stdout is not None
    port = int(outside.stdout.readline())
    loopback = {what: _throughput(port, what, LOOPBACK_BYTES) for what in ("down", "up")}
    floor = _round_trip("one byte there and back, plain loopback", port, 2000)
    outside.terminate()
    outside.wait()
    outside.stdout.close()
    with client.sandbox(TEMPLATE) as sandbox:
        sandbox.write("listen.py", PROGRAM)
        command = sandbox.run("exec python3 listen.py", wait=False, timeout=0)
        inside = int(next(iter(command)).data)
        with sandbox.tunnel(inside) as tunnel:
            through = {what: _throughput(tunnel.local_port, what, BYTES) for what in ("down", "up")}
            trip = _round_trip("one byte there and back, through a tunnel", tunnel.local_port, 1000)
        command.kill()
    return [
        floor.row(),
        trip.row(floor),
        *(
            f"tunnel, {words}: {through[what]:.0f} MB/s ({through[what] / loopback[what]:.3f} of plain loopback's "
            f"{loopback[what]:.0f} MB/s)"
            for what, words in (("down", "from the sandbox"), ("up", "into the sandbox"))
        ),
    ]


def _throughput(port: int, what: str, size: int) -> float:
    """MB/s of one connection."""
    series = Series(what)
    buffer = bytearray(1 << 18)
    with socket.create_connection(("127.0.0.1", port)) as connection, series.measure():
        connection.sendall(f"{what} {size}\n".encode())
        left = size
        while left and what == "down":
            left -= connection.recv_into(buffer)
        while left and what == "up":
            left -= connection.send(buffer[:left])
        if what == "up":
            assert connection.recv(1) == b"."
    return size / series.median / 1e6


def _round_trip(name: str, port: int, count: int) -> Series:
    series = Series(name)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"echo\n")
        for _ in range(count):
            with series.measure():
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"
    return series
