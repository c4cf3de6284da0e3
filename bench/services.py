"""A service URL's cost beside plain loopback: the same program and client, with and without sandboxd and shim."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.figures import Series
from bench.sandboxes import TEMPLATE

if TYPE_CHECKING:
    from sandboxcore import SandboxClient

CLIENTS = 8
REQUESTS = 250
"""Of each client, on one connection."""
BYTES = 400_000_000
PROGRAM = """
import socket, threading

def serve(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = peer.makefile("rb")
    while line := lines.readline():
        path = line.split()[1]
        close = False
        while (header := lines.readline()) != b"\\r\\n":
            close = close or header.lower() == b"connection: close\\r\\n"
        left = int(path[1:])
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % left)
        piece = b"x" * min(left, 1 << 18)
        while left:
            left -= peer.send(piece[:left])
        if close:
            break
    lines.close()
    peer.close()

listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def measure(client: SandboxClient) -> list[str]:
    """The time of a small request, how many pass in a second, and the throughput of a large one, as lines."""
    outside = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    assert outside.stdout is not None
    direct = _Way("127.0.0.1", int(outside.stdout.readline()), "/", {})
    plain = direct.round_trips("small request, plain loopback"), direct.rate(), direct.throughput()
    outside.terminate()
    outside.wait()
    outside.stdout.close()
    with client.sandbox(TEMPLATE) as sandbox:
        sandbox.write("listen.py", PROGRAM)
        command = sandbox.run("exec python3 listen.py", wait=False, timeout=0)
        service = sandbox.service(int(next(iter(command)).data))
        url = urlsplit(service.service_url)
        token = {"X-Langsmith-Sandbox-Service-Token": service.token}
        way = _Way(url.hostname or "", url.port or 0, url.path, token)
        through = way.round_trips("small request, through a service URL"), way.rate(), way.throughput()
        command.kill()
    return [
        plain[0].row(),
        through[0].row(plain[0]),
        f"small requests, {CLIENTS} clients: {through[1]:.0f} a second through a service URL, {plain[1]:.0f} directly",
        f"large answer: {through[2]:.0f} MB/s through a service URL, {plain[2]:.0f} MB/s directly",
    ]


class _Way:
    """One way to the program."""

    def __init__(self, host: str, port: int, base: str, headers: dict[str, str]) -> None:
        self._host, self._port, self._base, self._headers = host, port, base, headers

    def round_trips(self, name: str) -> Series:
        """One client, one request after another."""
        series = Series(name)
        connection = HTTPConnection(self._host, self._port)
        for _ in range(REQUESTS):
            with series.measure():
                self._get(connection, 2)
        connection.close()
        return series

    def rate(self) -> float:
        """Requests a second of all clients together."""
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self._one_client, range(CLIENTS)))
        return CLIENTS * REQUESTS / (time.perf_counter() - began)

    def throughput(self) -> float:
        """MB/s of one answer."""
        connection = HTTPConnection(self._host, self._port)
        began = time.perf_counter()
        self._get(connection, BYTES)
        seconds = time.perf_counter() - began
        connection.close()
        return BYTES / seconds / 1e6

    def _one_client(self, _number: int) -> None:
        connection = HTTPConnection(self._host, self._port)
        for _ in range(REQUESTS):
            self._get(connection, 2)
        connection.close()

    def _get(self, connection: HTTPConnection, size: int) -> None:
        connection.request("GET", f"{self._base}{size}", headers=self._headers)
        answer = connection.getresponse()
        assert answer.status == 200
        buffer = bytearray(min(size, 1 << 18))
        while size:
            got = answer.readinto(buffer)
            assert got
            size -= got
        answer.read()
