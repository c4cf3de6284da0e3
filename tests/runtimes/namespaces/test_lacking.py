"""Machines that lack something: what still works, what the notes say, or why nothing can be isolated."""

from __future__ import annotations

import pytest

from sandboxcore.runtimes.base import Resources, RuntimeUnavailableError
from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
from tests.runtimes.namespaces.conftest import MIB, Box, needs_root, new_host, spec, wait_until

pytestmark = [pytest.mark.kernel, needs_root]

NO_LOOP = "mount --bind /dev/null /dev/loop-control"
NO_GROUPS = "umount -l /sys/fs/cgroup"
COVERED_PROC = "mount -t tmpfs none /proc/fs"
RESOURCES = Resources(cpu_millis=1000, memory_bytes=256 * MIB, storage_bytes=32 * MIB, pids=100)


async def test_root_without_loop_devices_and_control_groups() -> None:
    with new_host(lacking=f"{NO_LOOP}; {NO_GROUPS}") as host:
        runtime = NamespacesRuntime(host.run_dir)
        await runtime.start()
        found = runtime.capabilities()
        assert not (found.cpu_limit or found.memory_limit or found.pids_limit or found.storage_limit)
        assert any("loop devices" in note for note in found.notes)
        assert any("control groups cpu, memory, pids" in note for note in found.notes)
        box = Box(runtime, await runtime.create(spec(resources=RESOURCES)), host)
        await box.output("echo x > /usr/lib/os-release; mkdir -p /root/a; chmod 0 /root/a; chown 1000:1000 /root/a")
        assert (await box.output("id -u; stat -c %u /usr")).split() == ["0", "0"]
        assert b"MemoryError" in (await box.run("python3 -c 'bytearray(1 << 30)'")).stderr
        assert len(host.traces()["layers"]) == 1
        host.end()
        host.start()
        await runtime.destroy(box.sandbox.id)
        wait_until(host.is_clean, "it is gone")
        await runtime.close()


async def test_a_covered_proc_is_named_with_its_remedy_and_the_host_stays() -> None:
    with new_host(user=54321, lacking=COVERED_PROC) as host:
        runtime = NamespacesRuntime(host.run_dir)
        for _ in range(2):
            with pytest.raises(RuntimeUnavailableError, match="mount proc") as caught:
                await runtime.start()
            assert "systempaths=unconfined" in caught.value.remedy
        assert host.process is not None
        assert host.process.poll() is None
        assert "systempaths=unconfined" in host.log
        assert host.is_clean(), host.traces()
        await runtime.close()


async def test_a_user_with_subordinate_ids() -> None:
    lacking = (
        "d=$(mktemp -d); grep '^root:' /etc/passwd > $d/passwd; echo limited:x:54321:54321::/tmp:/bin/sh >> $d/passwd;"
        "echo 'limited:3000000:65536' > $d/sub; mount --bind $d/passwd /etc/passwd;"
        "touch /etc/subuid /etc/subgid; mount --bind $d/sub /etc/subuid; mount --bind $d/sub /etc/subgid; rm -r $d"
    )
    with new_host(user=54321, lacking=lacking) as host:
        runtime = NamespacesRuntime(host.run_dir)
        await runtime.start()
        assert any("the same user ids" in note for note in runtime.capabilities().notes)
        box = Box(runtime, await runtime.create(spec(resources=RESOURCES)), host)
        uids = [line.split() for line in (await box.output("cat /proc/self/uid_map")).splitlines()]
        assert uids == [["0", "54321", "1"], ["1", "3000000", "65535"]]
        await box.output("mkdir -p /root/a/b; touch /root/a/b/c; chown -R 1000:1000 /root/a; chmod 0 /root/a")
        await runtime.destroy(box.sandbox.id)
        assert host.is_clean(), host.traces()
        await runtime.close()
