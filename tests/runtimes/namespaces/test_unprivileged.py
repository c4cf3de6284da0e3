"""The host without root: what still isolates, what it admits not to enforce, and that it cleans up all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import Resources
from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
from tests.runtimes.namespaces.conftest import MIB, Box, needs_root, new_host, spec, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.runtimes.namespaces.conftest import Host

pytestmark = [pytest.mark.kernel, needs_root]

USER = 54321
"""A user without a name and without subordinate ids."""


@pytest.fixture(scope="module")
def plain_host() -> Iterator[Host]:
    with new_host(USER) as host:
        yield host


@pytest.fixture
async def plain(plain_host: Host) -> AsyncIterator[Box]:
    runtime = NamespacesRuntime(plain_host.run_dir)
    await runtime.start()
    resources = Resources(cpu_millis=1000, memory_bytes=256 * MIB, storage_bytes=32 * MIB, pids=100)
    yield Box(runtime, await runtime.create(spec(resources=resources)), plain_host)
    for sandbox in await runtime.list_owned():
        await runtime.destroy(sandbox.id)
    await runtime.close()


async def test_it_says_what_is_not_enforced(plain: Box) -> None:
    found = plain.runtime.capabilities()
    assert found.isolated
    assert not (found.cpu_limit or found.memory_limit or found.pids_limit or found.storage_limit)
    assert len(found.notes) == 4
    assert all("Start the host as root" in note for note in found.notes)


async def test_it_isolates_with_one_user(plain: Box) -> None:
    assert (await plain.output("id -u; cat /proc/self/uid_map")).split() == ["0", "0", str(USER), "1"]
    for name in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
        assert (await plain.run(f"readlink /proc/1/ns/{name}")).exit_code != 0
    assert (await plain.run("cat /proc/1/environ; cat /proc/1/maps")).stdout == b""
    assert (await plain.run(f"ls {plain.host.run_dir}")).exit_code != 0
    assert "NoNewPrivs:\t1\nSeccomp:\t2" in await plain.output("cat /proc/self/status")
    assert (await plain.output("ls /sys/class/net")).split() == ["lo"]
    assert (await plain.run("echo x > /proc/sys/kernel/core_pattern")).exit_code != 0


async def test_its_root_is_writable_and_removed(plain: Box) -> None:
    await plain.output("echo x > /usr/lib/os-release; mkdir -p /root/a/b/c; echo x > /root/a/b/c/d; chmod -R 0 /root/a")
    await plain.output("cd /tmp; for i in $(seq 1 50); do mkdir d; cd d; done; python3 -c 'print(2 + 2)'")
    assert any(plain.host.traces()["layers"])
    await plain.runtime.destroy(plain.sandbox.id)
    assert plain.host.is_clean(), plain.host.traces()


async def test_rlimits_hold_what_groups_would(plain: Box) -> None:
    outcome = await plain.run("python3 -c 'bytearray(1 << 30)'")
    assert b"MemoryError" in outcome.stderr
    assert (await plain.output("ulimit -u")).strip() == "100"


async def test_usage_says_nothing_that_it_does_not_know(plain: Box) -> None:
    usage = await plain.runtime.usage(plain.sandbox.id)
    assert (usage.cpu_seconds, usage.memory_bytes, usage.pids, usage.storage_bytes) == (None, None, None, None)


async def test_sandboxes_survive_this_host_too(plain: Box) -> None:
    plain.host.end()
    assert await plain.output("echo on") == "on\n"
    plain.host.start()
    assert [found.id for found in await plain.runtime.list_owned()] == [plain.sandbox.id]
    await plain.runtime.destroy(plain.sandbox.id)
    wait_until(plain.host.is_clean, "it is gone")
