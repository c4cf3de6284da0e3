"""Files inside a sandbox, through its shim."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.wire import Kind, encode
from tests.shim.peer import Peer, run

if TYPE_CHECKING:
    from pathlib import Path


async def ask(shim: Path, op: str, **fields: Any) -> tuple[list[dict[str, Any]], bytes]:
    """The messages and the data that answer a request."""
    return await answers(await Peer.ask(shim, op, **fields))


async def answers(peer: Peer) -> tuple[list[dict[str, Any]], bytes]:
    messages, data = [], bytearray()
    while (frame := await peer.frame()) is not None:
        kind, body = frame
        if kind is Kind.DATA:
            data += body
        else:
            messages.append(json.loads(body))
    peer.close()
    return messages, bytes(data)


async def put(shim: Path, path: str, content: bytes) -> list[dict[str, Any]]:
    peer = await Peer.ask(shim, "write", path=path)
    await peer.paste(content)
    peer.send("end")
    return (await answers(peer))[0]


async def test_it_works(shim: Path) -> None:
    content = os.urandom(3 << 20)
    assert await put(shim, "folder/data", content) == [{"type": "ready"}, {"type": "done", "size": len(content)}]
    messages, data = await ask(shim, "read", path="folder/data")
    assert data == content
    assert messages[0]["size"] == len(content)
    outcome = await run(shim, "wc -c < ~/folder/data; stat -c %U ~/folder/data; id -un")
    size, owner, user = outcome.stdout.decode().split()
    assert int(size) == len(content)
    assert owner == user


async def test_commands_see_files_and_files_see_commands(shim: Path) -> None:
    await run(shim, "mkdir -p ~/d; echo made inside > ~/d/f; ln -s f ~/d/l")
    assert (await ask(shim, "read", path="d/l"))[1] == b"made inside\n"
    messages, _ = await ask(shim, "list", path="d")
    kinds = {entry["name"]: entry["kind"] for entry in messages[0]["entries"]}
    assert kinds == {"f": "file", "l": "symlink"}
    assert (await ask(shim, "move", path="d/f", to="d/g"))[0] == [{"type": "done"}]
    assert (await ask(shim, "remove", path="d", recursive=True))[0] == [{"type": "done"}]
    assert (await ask(shim, "stat", path="d"))[0][0]["error_type"] == "FileNotFound"
    assert (await ask(shim, "mkdir", path="e"))[0] == [{"type": "done"}]
    assert (await run(shim, "ls -d ~/e && echo there", command_id="d")).stdout.endswith(b"there\n")


async def test_errors_name_the_path(shim: Path) -> None:
    for op, path, kind in (
        ("read", "/no/such/file", "FileNotFound"),
        ("read", "/usr", "IsADirectory"),
        ("read", "/dev/zero", "ReadError"),
        ("list", "/no/such/folder", "FileNotFound"),
        ("remove", "/no/such/file", "FileNotFound"),
    ):
        messages, _ = await ask(shim, op, path=path)
        assert messages[-1]["error_type"] == kind
        assert path in messages[-1]["error"]


async def test_an_upload_that_breaks_off_leaves_nothing(shim: Path) -> None:
    peer = await Peer.ask(shim, "write", path="partial/file")
    frame = await peer.frame()
    assert frame is not None
    assert json.loads(frame[1]) == {"type": "ready"}
    await peer.paste(b"x" * (2 << 20))
    peer.drop()
    script = 'while [ -n "$(ls -A ~/partial)" ]; do sleep 0.02; done; ls -A ~/partial'
    outcome = await run(shim, script, timeout=10)
    assert (outcome.stdout, outcome.exit_code) == (b"", 0)


async def test_a_reader_that_leaves_early_costs_nothing(shim: Path) -> None:
    await run(shim, "head -c 50000000 /dev/zero > ~/big")
    for _ in range(5):
        peer = await Peer.ask(shim, "read", path="big")
        await peer.frame()
        peer.drop()
    assert len((await ask(shim, "read", path="big", offset=49_999_990))[1]) == 10


async def test_a_link_out_of_the_home_stays_in_the_sandbox(shim: Path) -> None:
    inside = (await run(shim, "ln -s / ~/root; cat /etc/hostname 2>/dev/null || echo none")).stdout
    messages, data = await ask(shim, "read", path="root/etc/hostname")
    assert data == inside or messages[-1]["error_type"] == "FileNotFound"


async def test_many_at_once(shim: Path) -> None:
    await asyncio.gather(*(put(shim, f"many/{n}", b"%d" % n) for n in range(50)))
    read = await asyncio.gather(*(ask(shim, "read", path=f"many/{n}") for n in range(50)))
    assert [data for _, data in read] == [b"%d" % n for n in range(50)]


async def test_hostile_uploads(shim: Path) -> None:
    peer = await Peer.ask(shim, "write", path="f")
    peer.writer.write(encode(Kind.STDERR, b"x" * 20))
    messages, _ = await answers(peer)
    assert messages[-1]["error_type"] == "WriteError"
    assert (await ask(shim, "stat", path="f"))[0][0]["error_type"] == "FileNotFound"
