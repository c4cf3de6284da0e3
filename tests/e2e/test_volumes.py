"""Volumes from the API down to the kernel: shared, full, renamed, refused, grown, and what ends everything but them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from sandboxcore import ResourceInUseError, SandboxClient, SandboxClientError
from tests.server.running import until
from tests.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]
MOUNT = [{"volume_name": "data", "mount_path": "/data"}]


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """An installation that this test may restart."""
    with Stack.new() as stack:
        yield stack


def api_of(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=stack.api_endpoint, headers={"X-Api-Key": stack.api_key}, timeout=60)


def client_of(stack: Stack) -> SandboxClient:
    return SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key)


def prepare(api: httpx.Client) -> None:
    for path, body in (
        ("volumes", {"name": "data", "size": "32Mi"}),
        ("volumes", {"name": "other", "size": "32Mi"}),
        ("templates", {"name": "t", "image": "host", "volume_mounts": MOUNT}),
        (
            "templates",
            {"name": "o", "image": "host", "volume_mounts": [{"volume_name": "other", "mount_path": "/data"}]},
        ),
    ):
        answer = api.post(f"/{path}", json=body)
        assert answer.status_code == 201, answer.text


def differences(stack: Stack) -> list[dict[str, str]]:
    """What the dry run of a reconciliation shows."""
    url = stack.api_endpoint.removesuffix("/sandboxes") + "/admin/reconciliation"
    answer = httpx.get(url, headers={"X-Api-Key": stack.admin_key}, timeout=30)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json()["differences"]
    return found


def kill_everything(stack: Stack) -> None:
    """SIGKILL to the supervisor and every service at once; nobody can put anything in order."""
    services = [stack.pid_of(name) for name in ("host", "sandboxd", "console")]
    os.kill(int((stack.state_dir / "up.lock").read_text()), signal.SIGKILL)
    for pid in services:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    stack.interrupt(signal.SIGKILL)


@pytest.mark.timeout(300)
def test_what_a_volume_holds_survives_everything(own_stack: Stack) -> None:
    with client_of(own_stack) as client, api_of(own_stack) as api:
        assert client.get_capabilities().volumes_shared is True
        prepare(api)
        one, two = client.create_sandbox("t", name="one"), client.create_sandbox("t", name="two")
        beside = client.create_sandbox("o", name="beside")
        one.write("/data/note", b"from one")
        assert two.read("/data/note") == b"from one"

        full = one.run("head -c 64M /dev/zero > /data/big")
        assert full.exit_code != 0
        assert "No space left" in full.stderr
        assert two.run("head -c 1M /dev/zero > /data/more").exit_code != 0
        for sandbox, path in ((one, "/root/own"), (beside, "/data/fine")):
            assert sandbox.run(f"head -c 8M /dev/zero > {path}").exit_code == 0
        one.run("rm /data/big; sync /data")

        grown = api.patch("/volumes/data", json={"size": "64Mi"})
        assert grown.status_code == 400
        assert "sandbox 'one', sandbox 'two'" in grown.json()["detail"]["message"]
        assert client.update_volume("data", new_name="kept").name == "kept"
        assert two.read("/data/note") == b"from one"
        with pytest.raises(ResourceInUseError, match="template 't'"):
            client.delete_volume("kept")
        assert differences(own_stack) == []

    kill_everything(own_stack)
    own_stack.start()
    with client_of(own_stack) as client:
        again = client.get_sandbox("two")
        assert again.read("/data/note") == b"from one"
        again.write("/data/second", b"after the kill")
        until(lambda: differences(own_stack) == [], what="nothing to differ")

    own_stack.down()
    own_stack.start()
    with client_of(own_stack) as client, api_of(own_stack) as api:
        until(lambda: not [d for d in differences(own_stack) if d["kind"] != "volume"], what="the ghosts to be told")
        assert differences(own_stack) == []
        assert {box.name: box.status for box in client.list_sandboxes()} == dict.fromkeys(
            ("one", "two", "beside"), "failed"
        )
        grown = api.patch("/volumes/kept", json={"size": "96Mi"})
        assert (grown.status_code, grown.json().get("size")) == (200, "96Mi"), grown.text
        smaller = api.patch("/volumes/kept", json={"size": "32Mi"})
        assert smaller.status_code == 400
        third = client.create_sandbox("t", name="three")
        assert third.read("/data/note") + third.read("/data/second") == b"from oneafter the kill"
        assert int(third.run("df --output=size -B1 /data | tail -1").stdout) > 64 << 20
        assert third.run("head -c 64M /dev/zero > /data/big").exit_code == 0
        with pytest.raises(SandboxClientError):
            client.delete_volume("kept")
