"""Every Python example of the SDK's page runs against a real server, as it stands."""

from __future__ import annotations

import ast
import inspect
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    AsyncSandboxClient,
    ResourceAlreadyExistsError,
    Sandbox,
    SandboxClient,
)
from sandboxcore.client import AsyncSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
TEMPLATES = ("my-sandbox", "my-python", "my-template", "async-python")
SANDBOXES = ("your-sandbox", "sandbox-abc123")
TOOLS = "/tmp/example-tools"  # inside the sandbox
SEARCH_PATH = f"{TOOLS}:/usr/local/bin:/usr/bin:/bin"
PREPARE = f"""
mkdir -p {TOOLS} && ln -sf "$(command -v python3)" {TOOLS}/python && mkdir -p /app
printf 'build:\\n\\t@echo compiling\\n\\t@echo a warning >&2\\n\\t@echo done\\n' > Makefile
printf 'import time\\nprint("Ready", flush=True)\\ntime.sleep(3600)\\n' > server.py
"""


def examples() -> list[Any]:
    """Each Python block of the page, named after its heading."""
    found = []
    heading = ""
    for match in re.finditer(r"^#+ ([^\n]+)$|^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if match[1]:
            heading = match[1]
        else:
            found.append(pytest.param(heading, match[2], id=f"{heading}-{len(found)}"))
    return found


def prepared(create: Callable[..., Sandbox]) -> Callable[..., Sandbox]:
    """Creating a sandbox that has what the examples take for granted."""

    def create_sandbox(self: SandboxClient, *args: Any, **options: Any) -> Sandbox:
        sandbox = create(self, *args, **options)
        if sandbox.status == "ready":
            assert sandbox.run(PREPARE).success
        return sandbox

    return create_sandbox


def async_prepared(create: Callable[..., Any]) -> Callable[..., Any]:
    """The same for the asynchronous client."""

    async def create_sandbox(self: AsyncSandboxClient, *args: Any, **options: Any) -> AsyncSandbox:
        sandbox: AsyncSandbox = await create(self, *args, **options)
        assert (await sandbox.run(PREPARE)).success
        return sandbox

    return create_sandbox


def with_tools(run: Callable[..., Any]) -> Callable[..., Any]:
    """Running commands that find ``python``."""

    def run_command(self: Any, command: str, *, env: dict[str, str] | None = None, **options: Any) -> Any:
        return run(self, command, env={"PATH": SEARCH_PATH, **(env or {})}, **options)

    return run_command


@pytest.fixture
def world(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxClient]:
    """A server with what the page speaks of, and a client of it; what an example makes is removed again."""
    monkeypatch.setenv("SANDBOX_ENDPOINT", stack.api_endpoint)
    monkeypatch.setenv("SANDBOX_API_KEY", stack.api_key)
    monkeypatch.setenv("SANDBOX_ADMIN_KEY", stack.admin_key)
    monkeypatch.setattr(Sandbox, "run", with_tools(Sandbox.run))
    monkeypatch.setattr(AsyncSandbox, "run", with_tools(AsyncSandbox.run))
    monkeypatch.setattr(SandboxClient, "create_sandbox", prepared(SandboxClient.create_sandbox))
    monkeypatch.setattr(AsyncSandboxClient, "create_sandbox", async_prepared(AsyncSandboxClient.create_sandbox))
    with SandboxClient() as client:
        before = {each.name for each in client.list_sandboxes()}, {each.name for each in client.list_templates()}
        for name in TEMPLATES:
            client.create_template(name, "host")
        for name in SANDBOXES:
            client.create_sandbox("my-template", name=name)
        try:
            yield client
        finally:
            for sandbox in client.list_sandboxes():
                if sandbox.name not in before[0]:
                    client.delete_sandbox(sandbox.name)
            for template in client.list_templates():
                if template.name not in before[1]:
                    client.delete_template(template.name)
            for volume in client.list_volumes():
                client.delete_volume(volume.name)


@pytest.mark.parametrize(("heading", "code"), examples())
async def test_the_example_runs(heading: str, code: str, world: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    if heading == "Asynchronous Python":
        world.delete_template("async-python")  # which the example makes
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.2)))
    asynchronous = "await" in code and "async def main" not in code
    async with AsyncSandboxClient() as async_client:
        names: dict[str, Any] = {"__name__": "example", "client": async_client if asynchronous else world}
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if asynchronous else 0
        running = eval(compile(code, f"{PAGE.name}: {heading}", "exec", flags), names)  # noqa: S307 -- our own page
        if inspect.isawaitable(running):
            await running
        if "main" in names:
            await names["main"]()


def test_the_page_has_examples_of_everything() -> None:
    code = "".join(each.values[1] for each in examples())
    methods = [name for name in vars(SandboxClient) if name.startswith(("create", "update", "delete", "get_s", "wait"))]
    rare = {"update_volume", "delete_volume", "create_sandbox"}
    assert [name for name in methods if name not in rare and f".{name}(" not in code] == []


def test_a_name_twice_is_refused(world: SandboxClient) -> None:
    with pytest.raises(ResourceAlreadyExistsError):
        world.create_template("my-sandbox", "host")
