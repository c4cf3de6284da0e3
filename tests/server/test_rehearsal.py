"""A warm sandbox has run its first command before anybody claims it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandboxcore.server.dataplane.rehearsal import rehearse
from sandboxcore.server.dataplane.shim_client import list_commands
from sandboxcore.shim.wire import FrameReader, decode_control, encode_control
from tests.server.conftest import unique

if TYPE_CHECKING:
    import httpx

    from tests.server.running import Sandboxd


async def test_it_runs_one_command_to_its_end() -> None:
    asked: list[dict[str, Any]] = []

    async def shim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        while not asked:
            asked.extend(decode_control(body) for _, body in frames.feed(await reader.read(65536)))
        for answer in ({"type": "started", "command_id": "x", "pid": 2}, {"type": "exit", "exit_code": 0}):
            writer.write(encode_control(answer))
        assert await reader.read() == b"", "it says no more"
        writer.close()

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "shim.sock"
        async with await asyncio.start_unix_server(shim, path):
            await rehearse(str(path))
    assert [(message["op"], message["ttl"]) for message in asked] == [("start", 0)]


async def test_a_shim_that_is_gone_or_says_nothing_sensible_is_no_harm() -> None:
    async def shim(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_control({"type": "error", "error_type": "CommandNotFound", "error": "no shell"}))
        writer.close()

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "shim.sock"
        await rehearse(str(path))
        async with await asyncio.start_unix_server(shim, path):
            await rehearse(str(path))


async def test_a_claimed_sandbox_shows_no_command_that_its_owner_did_not_run(
    api: httpx.AsyncClient, template: str, sandboxd: Sandboxd
) -> None:
    pool = unique("pool")
    made = await api.post("/pools", json={"name": pool, "template_name": template, "replicas": 1, "timeout": 60})
    assert made.status_code == 201, made.text
    box = (await api.post("/boxes", json={"template_name": template})).json()
    assert box["pool_name"] == pool
    assert await list_commands(str(sandboxd.run_dir / "sandboxes" / box["id"] / "shim.sock")) == []
    await api.delete(f"/pools/{pool}")
    await api.delete(f"/boxes/{box['id']}")
