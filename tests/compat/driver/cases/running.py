"""Commands that are waited for: output, exit codes, environment, callbacks, timeouts; HTTP without the WebSocket."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.compat.driver.kit import settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.compat.driver.kit import Kit


@contextmanager
def _without_websockets() -> Iterator[None]:
    """As if the optional package were not installed."""
    names = ("websockets.sync.client", "websockets.asyncio.client")
    kept = {name: sys.modules.get(name) for name in names}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@case("run", "Sandbox.run", "ExecutionResult.success")
async def a_command_runs(kit: Kit) -> None:
    box = await kit.sandbox()
    good = await settle(box.run("echo out; echo err >&2"))
    assert (good.stdout, good.stderr, good.exit_code, good.success) == ("out\n", "err\n", 0, True)
    bad = await settle(box.run("exit 3"))
    assert (bad.stdout, bad.stderr, bad.exit_code, bad.success) == ("", "", 3, False)


@case("run", "Sandbox.run")
async def environment_folder_and_shell(kit: Kit) -> None:
    box = await kit.sandbox()
    options = {"env": {"GREETING": "grüß dich"}, "cwd": "/tmp", "shell": "/bin/sh", "timeout": 30}
    result = await settle(box.run('echo "$GREETING $0"; pwd', **options))
    greeting, folder = result.stdout.splitlines()
    assert greeting.startswith("grüß dich ")
    assert greeting.endswith("sh")
    assert folder == "/tmp"


@case("run", "Sandbox.run")
async def callbacks_get_every_chunk(kit: Kit) -> None:
    box = await kit.sandbox()
    out: list[str] = []
    err: list[str] = []
    command = "echo one; echo bad >&2; sleep 0.2; echo two; exit 4"
    result = await settle(box.run(command, on_stdout=out.append, on_stderr=err.append))
    assert ("".join(out), "".join(err), result.exit_code) == ("one\ntwo\n", "bad\n", 4)
    assert (result.stdout, result.stderr) == ("one\ntwo\n", "bad\n")
    assert len(out) >= 2, "the two lines came a fifth of a second apart"
    with kit.raises("ValueError"):
        await settle(box.run("true", wait=False, on_stdout=out.append))


@case("run", "Sandbox.run")
async def much_output_and_bytes_that_are_no_text(kit: Kit) -> None:
    box = await kit.sandbox()
    many = await settle(box.run("seq 1 200000"))
    assert many.stdout == "".join(f"{number}\n" for number in range(1, 200_001))
    odd = await settle(box.run(r"printf 'a\xff\xe2\x82\xacz'"))
    assert odd.stdout == "a\ufffd€z"


@case("run", "Sandbox.run")
async def a_command_that_takes_too_long(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("CommandTimeoutError", operation="command", error_type="CommandTimeout"):
        await settle(box.run("sleep 3617 & sleep 3617", timeout=1))
    assert "sleep 3617" not in await kit.processes(box)


@case("run", "Sandbox.run")
async def http_does_where_there_is_no_websocket(kit: Kit) -> None:
    box = await kit.sandbox()
    with _without_websockets():
        result = await settle(box.run("echo $GREETING; pwd; echo bad >&2; exit 4", env={"GREETING": "hi"}, cwd="/tmp"))
        assert (result.stdout, result.stderr, result.exit_code) == ("hi\n/tmp\n", "bad\n", 4)
        with kit.raises("SandboxClientError"):
            await settle(box.run("sleep 3618", timeout=1))
        with kit.raises("ImportError"):
            await settle(box.run("true", wait=False))


@case("run", "Sandbox.run")
async def a_folder_that_is_not_there(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("SandboxOperationError", operation="command"):
        await settle(box.run("true", cwd="/no/such/folder"))


@case("run", "Sandbox.run")
async def no_place_to_run(kit: Kit) -> None:
    box = await settle(kit.client.create_sandbox(template_name=await kit.template()))
    await settle(kit.client.delete_sandbox(box.name))
    with kit.raises("ResourceNotFoundError"):
        await settle(box.run("true"))
    nowhere = kit.record("Sandbox")(name="x", template_name="y", _client=kit.client)
    with kit.raises("DataplaneNotConfiguredError"):
        await settle(nowhere.run("true"))


@case("run", "Sandbox.run", needs=("Sandbox.run(pty)",))
async def a_terminal_if_asked_for(kit: Kit) -> None:
    box = await kit.sandbox()
    plain = await settle(box.run("test -t 0 && test -t 1; echo $?"))
    assert plain.stdout == "1\n"
    terminal = await settle(box.run("test -t 0 && test -t 1; echo $?; echo err >&2", pty=True))
    assert (terminal.stdout, terminal.stderr) == ("0\r\nerr\r\n", "")


@case("run", "Sandbox.run", needs=("Sandbox.run(headers)",))
async def headers_reach_the_data_plane(kit: Kit) -> None:
    box = await kit.sandbox()
    assert (await settle(box.run("echo fine", headers={"X-Request-Id": "compat"}))).stdout == "fine\n"
    with kit.raises("SandboxConnectionError"):
        await settle(box.run("true", headers={"X-Api-Key": "sbx_wrong_key"}, on_stdout=str))
