"""`make up`, `make down`, and what survives which of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from sandboxcore import SandboxClient
from tests.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """An installation that this test may restart."""
    with Stack.new() as stack:
        yield stack


def client_of(stack: Stack) -> SandboxClient:
    return SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key)


def test_it_works(own_stack: Stack) -> None:
    """Ready, credentials as promised, nothing beyond loopback, nothing that listens is root."""
    mode = (own_stack.state_dir / "credentials.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert set(own_stack.credentials) == {"console_url", "username", "password", "api_endpoint", "api_key"}
    assert own_stack.api_endpoint.endswith("/v2/sandboxes")
    console_key_file = own_stack.state_dir / "console-key.json"
    assert stat.S_IMODE(console_key_file.stat().st_mode) == 0o600
    headers = {"X-Api-Key": json.loads(console_key_file.read_text())["admin_key"]}
    admin_api = own_stack.api_endpoint.removesuffix("/v2/sandboxes") + "/v2/admin"
    [workspace] = httpx.get(f"{admin_api}/overview", headers=headers).json()["workspaces"]
    assert (workspace["name"], workspace["keys"]) == ("default", 2)
    assert httpx.get(f"{own_stack.console_url}/healthz").status_code == 200
    if os.geteuid() == 0:
        for service in ("sandboxd", "console"):
            status = Path(f"/proc/{own_stack.pid_of(service)}/status").read_text()
            uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
            assert "0" not in uids, f"{service} runs as root"
            assert "CapEff:\t0000000000000000" in status
            assert "NoNewPrivs:\t1" in status
    # What listens on every address answers on this one too.
    for variable in ("CONSOLE_PORT", "SANDBOXD_PORT"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", int(own_stack.environment[variable])), timeout=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_leaves_sandboxes_and_a_second_start_finds_them(own_stack: Stack, number: signal.Signals) -> None:
    password = own_stack.password
    with client_of(own_stack) as client:
        client.create_template(name="kept", image="host")
        sandbox = client.create_sandbox("kept")
        handle = sandbox.run("for i in $(seq 1000000); do echo $i; sleep 0.01; done", timeout=0, wait=False)
        first = next(iter(handle)).data
        assert first.startswith("1\n")
    if number == signal.SIGINT:
        # As a terminal does: to the whole foreground group, make and the supervisor alike.
        assert own_stack.process is not None
        supervisor = int((own_stack.state_dir / "up.lock").read_text())
        os.kill(supervisor, signal.SIGINT)
        own_stack.interrupt(signal.SIGINT)
    else:
        own_stack.interrupt(number)
    text = "\n".join(own_stack.lines)
    assert "sandboxes keep running" in text
    assert "make down" in text

    began = time.monotonic()
    own_stack.start()
    print(f"second start: ready after {time.monotonic() - began:.1f} s")
    assert own_stack.password == password
    with client_of(own_stack) as client:
        again = client.get_sandbox(sandbox.name)
        resumed = again.reconnect(handle.command_id)
        numbers: list[int] = []
        for chunk in resumed:
            numbers += [int(line) for line in chunk.data.splitlines() if line]
            if len(numbers) > 100:
                break
        assert numbers[:100] == list(range(1, 101))


def test_lost_credentials_are_made_anew(own_stack: Stack) -> None:
    lost = dict(own_stack.credentials)
    own_stack.interrupt()
    (own_stack.state_dir / "credentials.json").write_text("{broken")
    own_stack.start()
    assert own_stack.username == lost["username"]
    assert own_stack.password not in ("", lost["password"])
    with client_of(own_stack) as client:
        assert client.list_templates() == []


def test_down_ends_everything(own_stack: Stack) -> None:
    with client_of(own_stack) as client:
        client.create_template(name="gone", image="host")
        sandbox = client.create_sandbox("gone")
        mark = f"88{os.getpid()}"
        sandbox.run(f"sleep {mark} & sleep {mark}", timeout=0, wait=False)
    assert "everything is ended" in own_stack.down()
    assert subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False).stdout == b""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{own_stack.console_url}/healthz")


def test_a_second_up_on_the_same_folder_is_refused(own_stack: Stack) -> None:
    done = subprocess.run(
        ["make", "up"], cwd=own_stack.project, env=own_stack.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "already runs" in done.stderr


@pytest.mark.parametrize("service", ["sandboxd", "console", "host"])
def test_a_killed_service_comes_back(own_stack: Stack, service: str) -> None:
    with client_of(own_stack) as client:
        client.create_template(name="lasting", image="host")
        sandbox = client.create_sandbox("lasting")
        handle = sandbox.run("for i in $(seq 300); do echo $i; sleep 0.01; done", timeout=0, wait=False)
        chunks = [next(iter(handle)).data]
        killed = own_stack.kill(service)
        chunks += [chunk.data for chunk in handle]
        assert "".join(chunks) == "".join(f"{i}\n" for i in range(1, 301))
        assert handle.result.exit_code == 0
        own_stack.until_api_answers()
        own_stack.wait_ready()
        deadline = time.monotonic() + 30
        while own_stack_pid(own_stack, service) in (None, killed):
            assert time.monotonic() < deadline, f"{service} was not started again"
            time.sleep(0.05)
        assert client.get_sandbox(sandbox.name).run("echo alive").stdout == "alive\n"
        with client.sandbox("lasting") as another:
            assert another.run("echo new").stdout == "new\n"


def own_stack_pid(stack: Stack, service: str) -> int | None:
    try:
        return stack.pid_of(service)
    except AssertionError:
        return None
