"""Commands on the real kernel: known although sandboxd was killed while they ran, and after the sandbox too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sandboxcore import SandboxClient
from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]


@pytest.fixture
def client(stack: Stack) -> Iterator[SandboxClient]:
    with SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as made:
        yield made


@pytest.fixture
def template(client: SandboxClient) -> Iterator[str]:
    """With a pool, so that sandboxes have had a first command before anybody has them."""
    name = f"commands-{uuid4().hex[:8]}"
    client.create_template(name, "host")
    client.create_pool(name, name, 1)
    yield name
    client.delete_pool(name)
    client.delete_template(name)


def test_it_works(stack: Stack, client: SandboxClient, template: str) -> None:
    sandbox = client.create_sandbox(template)
    assert sandbox.id is not None
    assert sandbox.pool_name == template
    assert sandbox.commands() == []
    for name in ("ends", "goes-on"):
        line = f"echo {name}; until [ -e /tmp/{name} ]; do sleep 0.02; done; exit 6"
        sandbox.run(line, wait=False, timeout=0, idle_timeout=-1, command_id=name, env={"TOKEN": "x"}).close()
    sandbox.write("/tmp/ends", "")
    stack.kill("sandboxd")
    stack.until_api_answers()
    until(lambda: client.get_command(sandbox.name, "ends").status != "running", what="the end of a command")
    ended, going = client.get_command(sandbox.name, "ends"), client.get_command(sandbox.name, "goes-on")
    assert (ended.status, ended.exit_code, ended.output, ended.env_names) == ("exited", 6, "kept", ("TOKEN",))
    assert (going.status, going.output, going.stdout_bytes) == ("running", "live", 8)
    with sandbox.reconnect("ends") as handle:
        assert handle.result.stdout == "ends\n"
    client.kill_command(sandbox.name, "goes-on")
    until(lambda: client.get_command(sandbox.name, "goes-on").status == "killed", what="a killed command")
    client.delete_sandbox(sandbox.name)
    found = {command.id: (command.status, command.output) for command in client.list_commands(sandbox.id)}
    assert found == {"ends": ("exited", "gone"), "goes-on": ("killed", "gone")}
    kinds = [entry.kind for entry in client.get_timeline(sandbox.id)]
    assert kinds[-2:] == ["sandbox.claimed", "sandbox.created"]
    assert kinds.count("command.started") == kinds.count("command.ended") == 2
