"""What runs and listens inside a sandbox, asked through its shim; and what many sandboxes use, asked at once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import MOST_USAGES
from sandboxcore.shim.proc import COMMAND_BYTES
from tests.runtimes.contract.conftest import spec
from tests.runtimes.contract.test_files import ask
from tests.runtimes.contract.test_lifecycle import NOBODY
from tests.shim.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandboxcore.runtimes.base import Runtime, RuntimeSandbox

LISTEN = """python3 -c '
import socket, sys, time
family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
with socket.socket(family) as s:
    s.bind(("::1" if sys.argv[1] == "6" else "127.0.0.1", 0)); s.listen()
    print("port", s.getsockname()[1], flush=True)
    time.sleep(600)
' """
HOSTILE = """exec python3 -c '
import os
with open("/proc/self/comm", "wb") as comm: comm.write(b"a) R 1 \\x1b[2J")
word = b"<script>\\x1b]0;x\\x07\\n\\xe2\\x80\\xae\\xff"
os.execv("/bin/sh", [b"sh", b"-c", b"sleep 600; :", *[word] * {count}])
' """


async def processes(shim: Path) -> list[dict[str, Any]]:
    messages, _ = await ask(shim, "processes")
    assert messages[-1] == {"type": "end", "truncated": False}
    return [each for message in messages[:-1] for each in message["processes"]]


async def ports(shim: Path) -> list[dict[str, Any]]:
    messages, _ = await ask(shim, "ports")
    assert messages[-1] == {"type": "end", "truncated": False}
    return [each for message in messages[:-1] for each in message["ports"]]


async def test_it_works(shim: Path) -> None:
    peer = await Peer.run(shim, "echo up; exec sleep 601")
    started = await peer.message("started")
    await peer.until(b"up")
    # Its word comes from the shell that is about to become it.
    sleeper = await until_seen(shim, lambda each: each["command"] == "sleep 601" and each["state"] in "SD")
    found = await processes(shim)
    assert sleeper["pid"] == started["pid"]
    assert sleeper["threads"] == 1
    assert sleeper["memory_bytes"] > 0
    assert abs(sleeper["started_at"] - time.time()) < 30
    assert not sleeper["internal"]
    assert sleeper["user"] in {"root", os.environ.get("USER", "root")}
    assert next(each["command"] for each in found if each["internal"]) == "[init]"
    assert sleeper["ppid"] in {each["pid"] for each in found if each["internal"]}
    assert [each["pid"] for each in found] == sorted(each["pid"] for each in found)
    assert (await processes(shim))[0]["started_at"] == found[0]["started_at"], "it tells a process from a later one"


async def test_other_sandboxes_and_the_machine_are_not_seen(runtime: Runtime, shim: Path) -> None:
    other = await runtime.create(spec())
    peer = await Peer.run(other.shim_socket, "echo up; exec sleep 602")
    await peer.until(b"up")
    listener = await Peer.run(other.shim_socket, LISTEN + "4", command_id="listener")
    await listener.until(b"port")
    assert not [each for each in await processes(shim) if not each["internal"]]
    assert await ports(shim) == []


async def test_a_process_that_burns_and_one_that_has_ended(shim: Path) -> None:
    burner = 'import time\nwhile time.process_time() < 0.3: pass\nprint("burnt", flush=True)\ntime.sleep(600)'
    peer = await Peer.run(shim, f"(exec true) & exec python3 -c '{burner}'")
    await peer.until(b"burnt")
    (found,) = [each for each in await processes(shim) if "burnt" in each["command"]]
    assert found["cpu_seconds"] >= 0.29
    # Nobody waits for it: once it has ended it is still there, without a command line.
    ended = await until_seen(shim, lambda each: each["state"] == "Z")
    assert ended["ppid"] == found["pid"]
    assert ended["command"].startswith("[")


async def test_hostile_words(shim: Path) -> None:
    peer = await Peer.run(shim, HOSTILE.format(count=3))
    await peer.message("started")
    found = await until_runs(shim, "sh -c sleep")
    assert found["command"] == "sh -c sleep 600; :" + " <script>\x1b]0;x\x07\n\u202e\ufffd" * 3
    assert found["state"] in "SDR"
    assert found["threads"] == 1


async def test_a_name_that_looks_like_numbers(shim: Path) -> None:
    rename = 'with open("/proc/self/comm", "wb") as comm: comm.write(b"a) R 1 \\x1b[2J (")'
    peer = await Peer.run(
        shim, f"exec python3 -c 'import time\n{rename}\nprint(\"named\", flush=True); time.sleep(600)'"
    )
    await peer.until(b"named")
    # "R" would be read for ever where the name is taken for the numbers; between its word and its sleep it is true.
    await until_seen(shim, lambda each: "named" in each["command"] and each["state"] == "S")


async def test_a_megabyte_of_arguments_is_cut(shim: Path) -> None:
    peer = await Peer.run(shim, HOSTILE.format(count=60_000))
    await peer.message("started")
    found = await until_runs(shim, "sh -c sleep")
    assert len(found["command"].encode()) <= 3 * COMMAND_BYTES
    assert len(found["command"]) <= COMMAND_BYTES


async def until_runs(shim: Path, beginning: str) -> dict[str, Any]:
    return await until_seen(shim, lambda each: each["command"].startswith(beginning))


async def until_seen(shim: Path, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first process that is as ``wanted``."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = await processes(shim)
        for each in found:
            if wanted(each):
                return each
    raise AssertionError(f"no such process among {found}")


@pytest.mark.parametrize(("version", "address"), [("4", "127.0.0.1"), ("6", "::1")])
async def test_a_listener_is_found_with_its_process(shim: Path, version: str, address: str) -> None:
    peer = await Peer.run(shim, LISTEN + version)
    await peer.until(b"port")
    await peer.until(b"\n")
    port = int(bytes(peer.outcome.stdout).split()[1])
    (found,) = await ports(shim)
    assert (found["port"], found["address"]) == (port, address)
    assert found["command"].startswith("python3 -c")
    listener = next(each for each in await processes(shim) if each["pid"] == found["pid"])
    assert listener["command"] == found["command"]


async def test_no_port_is_left_when_its_program_is_gone(shim: Path) -> None:
    peer = await Peer.run(shim, LISTEN + "4", command_id="listener")
    await peer.until(b"port")
    assert len(await ports(shim)) == 1
    peer.send("kill")
    await peer.rest()
    assert await ports(shim) == []


async def test_what_many_use(runtime: Runtime, box: RuntimeSandbox) -> None:
    other = await runtime.create(spec())
    peer = await Peer.run(box.shim_socket, "echo up; exec sleep 60")
    await peer.until(b"up")
    usages = await runtime.usages([box.id, NOBODY, other.id, "../x"])
    assert usages.keys() == {box.id, other.id}
    alone = await runtime.usage(box.id)
    for name in ("cpu_seconds", "memory_bytes", "pids", "storage_bytes", "oom_kills", "throttled_seconds", "rx_bytes"):
        assert (getattr(usages[box.id], name) is None) == (getattr(alone, name) is None), name
    assert usages[box.id].pids is None or usages[box.id].pids == alone.pids
    await runtime.destroy(other.id)
    assert (await runtime.usages([box.id, other.id])).keys() == {box.id}
    assert await runtime.usages([]) == {}
    assert len(await runtime.usages([box.id] * MOST_USAGES)) == 1
