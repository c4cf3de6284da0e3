"""The unmodified ``langsmith`` package, as its users install it, against a real sandboxd."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

with warnings.catch_warnings():
    # The package says at each import that its interface may change.
    warnings.simplefilter("ignore", FutureWarning)
    from langsmith import sandbox as langsmith

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack import Stack

pytestmark = pytest.mark.kernel


@pytest.fixture
def client(stack: Stack) -> Iterator[langsmith.SandboxClient]:
    client = langsmith.SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key)
    yield client
    client.close()


@pytest.fixture
def template(client: langsmith.SandboxClient) -> Iterator[str]:
    name = f"compat-{uuid4().hex[:8]}"
    client.create_template(name=name, image="host")
    yield name
    client.delete_template(name)


@pytest.fixture
def sandbox(client: langsmith.SandboxClient, template: str) -> Iterator[langsmith.Sandbox]:
    with client.sandbox(template_name=template) as sandbox:
        yield sandbox


def test_it_works(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> None:
    """The quick start, with the endpoint and key from the environment."""
    monkeypatch.setenv("LANGSMITH_ENDPOINT", stack.api_endpoint.removesuffix("/v2/sandboxes"))
    monkeypatch.setenv("LANGSMITH_API_KEY", stack.api_key)
    client = langsmith.SandboxClient()
    name = f"quick-{uuid4().hex[:8]}"
    client.create_template(name=name, image="host")
    with client.sandbox(template_name=name) as sb:
        result = sb.run("python3 -c 'print(2 + 2)'")
        assert result.stdout == "4\n"
        assert result.success
    sb = client.create_sandbox(template_name=name)
    assert sb.run("python3 -c 'print(2 + 2)'").stdout == "4\n"
    assert client.get_sandbox(name=sb.name).run("echo again").stdout == "again\n"
    client.delete_sandbox(sb.name)
    client.delete_template(name)
    client.close()


def test_callbacks_and_exit_codes(sandbox: langsmith.Sandbox) -> None:
    out: list[str] = []
    err: list[str] = []
    result = sandbox.run("echo out; echo err >&2; exit 3", on_stdout=out.append, on_stderr=err.append)
    assert ("".join(out), "".join(err), result.exit_code) == ("out\n", "err\n", 3)


def test_a_handle_streams_takes_input_and_reconnects(sandbox: langsmith.Sandbox) -> None:
    command = "read name; echo hello $name; read more; echo and $more"
    handle = sandbox.run(command, timeout=60, wait=False)
    handle.send_input("World\n")
    chunks = iter(handle)
    assert next(chunks).data == "hello World\n"
    again = sandbox.reconnect(handle.command_id)
    # The published client connects when it is first read from, and drops input before that.
    rest = iter(again)
    assert next(rest).data == "hello World\n"
    again.send_input("goodbye\n")
    assert "".join(chunk.data for chunk in rest) == "and goodbye\n"
    assert again.result.exit_code == 0


def test_kill(sandbox: langsmith.Sandbox) -> None:
    handle = sandbox.run("echo started; sleep 3600", timeout=0, wait=False)
    assert next(iter(handle)).data == "started\n"
    killing = threading.Thread(target=handle.kill)
    killing.start()
    killing.join()
    # This client's kill() closes its own socket at once, so it learns the exit code by coming back.
    with pytest.raises(langsmith.SandboxConnectionError):
        _ = handle.result
    assert sandbox.reconnect(handle.command_id).result.exit_code == 137


def test_timeout(sandbox: langsmith.Sandbox) -> None:
    with pytest.raises(langsmith.CommandTimeoutError):
        sandbox.run("sleep 60", timeout=1)


def test_http_fallback(sandbox: langsmith.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)
    result = sandbox.run("echo $GREETING; pwd; exit 4", env={"GREETING": "hi"}, cwd="/tmp")
    assert (result.stdout, result.exit_code) == ("hi\n/tmp\n", 4)


def test_files(sandbox: langsmith.Sandbox) -> None:
    data = bytes(range(256)) * 100
    sandbox.write("/app/deep/data.bin", data)
    assert sandbox.read("/app/deep/data.bin") == data
    sandbox.write("relative.txt", "text")
    assert sandbox.run("cat ~/relative.txt").stdout == "text"
    with pytest.raises(langsmith.ResourceNotFoundError):
        sandbox.read("/no/such/file")


def test_names_and_waiting(client: langsmith.SandboxClient, template: str) -> None:
    made = client.create_sandbox(template_name=template, wait_for_ready=False)
    ready = client.wait_for_sandbox(made.name, timeout=60, poll_interval=0.05)
    assert ready.status == "ready"
    assert client.get_sandbox_status(made.name).status == "ready"
    renamed = client.update_sandbox(made.name, new_name=f"{made.name}-x")
    assert renamed.id == made.id
    assert renamed.name in {s.name for s in client.list_sandboxes()}
    with pytest.raises(langsmith.ResourceInUseError):
        client.delete_template(template)
    client.delete_sandbox(renamed.name)
    with pytest.raises(langsmith.ResourceNotFoundError):
        client.get_sandbox(renamed.name)


def test_errors(client: langsmith.SandboxClient, stack: Stack) -> None:
    with pytest.raises(langsmith.ValidationError):
        client.create_template(name="compat-bad", image="host", cpu="a lot")
    with pytest.raises(langsmith.ResourceNotFoundError):
        client.create_sandbox(template_name="no-such-template")
    client.create_template(name="compat-pull", image="no/such-image:1")
    with pytest.raises(langsmith.ResourceCreationError) as failed:
        client.create_sandbox(template_name="compat-pull")
    assert failed.value.error_type == "ImagePull"
    for sandbox in client.list_sandboxes():
        if sandbox.template_name == "compat-pull":
            client.delete_sandbox(sandbox.name)
    client.delete_template("compat-pull")
    with pytest.raises(langsmith.SandboxAuthenticationError):
        langsmith.SandboxClient(api_endpoint=stack.api_endpoint, api_key="sbx_wrong_key").list_templates()


async def test_async(stack: Stack) -> None:
    name = f"async-{uuid4().hex[:8]}"
    async with langsmith.AsyncSandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        await client.create_template(name=name, image="host")
        async with await client.sandbox(template_name=name) as sb:
            assert (await sb.run("python3 -c 'print(1 + 1)'")).stdout == "2\n"
            await sb.write("/app/test.txt", "async content")
            assert await sb.read("/app/test.txt") == b"async content"
            handle = await sb.run("for i in 1 2 3; do echo $i; done", wait=False)
            text = "".join([chunk.data async for chunk in handle])
            assert text == "1\n2\n3\n"
            assert (await handle.result).success
        await client.delete_template(name)


def test_volumes(client: langsmith.SandboxClient) -> None:
    """The seed's section on volumes, its refusals as the client names them."""
    name = f"data-{uuid4().hex[:8]}"
    volume = client.create_volume(name=name, size="64Mi")
    assert (volume.name, volume.size, volume.storage_class) == (name, "64Mi", "ext4")
    with pytest.raises(langsmith.SandboxClientError, match="already"):
        client.create_volume(name=name, size="64Mi")
    mount = langsmith.VolumeMountSpec(volume_name=name, mount_path="/data")
    template = client.create_template(name=f"{name}-t", image="host", volume_mounts=[mount])
    with client.sandbox(template_name=template.name) as sb:
        sb.write("/data/state.txt", "persistent data")
        with pytest.raises(langsmith.ResourceInUseError):
            client.delete_volume(name)
        with pytest.raises(langsmith.ValidationError, match="mounted"):
            client.update_volume(name, size="128Mi")
    with pytest.raises(langsmith.ValidationError, match="only grows"):
        client.update_volume(name, size="32Mi")
    assert client.update_volume(name, size="128Mi").size == "128Mi"
    assert client.update_volume(name, new_name=f"{name}-b").name == f"{name}-b"
    assert f"{name}-b" in [each.name for each in client.list_volumes()]
    with client.sandbox(template_name=template.name) as sb:
        assert sb.read("/data/state.txt") == b"persistent data"
    client.delete_template(template.name)
    client.delete_volume(f"{name}-b")
    with pytest.raises(langsmith.ResourceNotFoundError):
        client.get_volume(f"{name}-b")
