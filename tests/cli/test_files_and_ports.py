"""upload, download, tunnel, service."""

from __future__ import annotations

import json
import signal
import socket
import urllib.parse
from typing import TYPE_CHECKING

from tests.server.running import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

LISTEN = """python3 -u -c "
import socket
server = socket.create_server(('127.0.0.1', {port}))
print('up')
connection = server.accept()[0]
connection.sendall(b'hello')
connection.close()
"
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_it_works(cli: Cli, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "here.bin").write_bytes(content)
    cli("upload", "box", str(tmp_path / "here.bin"), "folder/there.bin")
    cli("download", "box", "folder/there.bin", str(tmp_path))
    assert (tmp_path / "there.bin").read_bytes() == content
    cli("download", "box", "folder/there.bin", str(tmp_path / "named"))
    assert (tmp_path / "named").read_bytes() == content


def test_standard_streams(cli: Cli) -> None:
    cli("upload", "box", "-", "note.txt", stdin="wörds\n")
    assert cli("download", "box", "note.txt", "-") == "wörds\n"


def test_a_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    cli("download", "box", "none-such", "-", code=3)
    cli("upload", "box", str(tmp_path / "none-such"), "x", code=1)


def test_a_tunnel_leads_in_until_it_is_interrupted(cli: Cli) -> None:
    port, local = free_port(), free_port()
    command = cli.start("run", "box", LISTEN.format(port=port))
    assert command.stdout is not None
    assert command.stdout.readline() == "up\n"
    tunnel = cli.start("tunnel", "box", f"{port}:{local}")
    assert tunnel.stdout is not None
    assert f"127.0.0.1:{local} leads to port {port}" in tunnel.stdout.readline()
    with socket.create_connection(("127.0.0.1", local), timeout=20) as connection:
        assert until(lambda: connection.recv(5), what="an answer") == b"hello"
    tunnel.send_signal(signal.SIGINT)
    assert tunnel.wait(30) == 0
    assert command.wait(30) == 0
    for process in (tunnel, command):
        assert process.stdout is not None
        process.stdout.close()


def test_an_address_for_a_browser(cli: Cli) -> None:
    assert urllib.parse.urlsplit(cli("service", "box", "8000").strip()).scheme == "http"
    assert set(json.loads(cli("service", "box", "8000", "--json"))) == {
        "browser_url",
        "service_url",
        "token",
        "expires_at",
    }
