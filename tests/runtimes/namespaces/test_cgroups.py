"""Control groups: version 2 against a tree of plain files, version 1 against the machine's own where it has one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.base import Resources
from sandboxcore.runtimes.namespaces import cgroups
from sandboxcore.runtimes.namespaces.cgroups import Counters, Machine, MountPoint
from sandboxcore.runtimes.namespaces.channel import close_all

if TYPE_CHECKING:
    from pathlib import Path

RESOURCES = Resources(cpu_millis=500, memory_bytes=64 << 20, storage_bytes=1 << 30, pids=40)
FILES_V2 = ("memory.max", "memory.swap.max", "cpu.max", "pids.max", "cgroup.procs")


def make_group(folder: Path, controllers: str = "cpu io memory pids", enabled: str = "") -> Path:
    """A folder with the control files that the kernel would make."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers + "\n")
    (folder / "cgroup.subtree_control").write_text(enabled + "\n")
    (folder / "cgroup.procs").write_text("")
    return folder


def tree_v2(top: Path, enabled: str = "cpu memory pids") -> Machine:
    for folder in (top, top / "sandbox-console", top / "sandbox-console/one"):
        make_group(folder, enabled=enabled)
    return Machine(mounts=[MountPoint(top, "/", frozenset(), unified=True)], own={"": "/"})


MOUNTS_HYBRID = """\
25 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 /jobs/a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 25 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
"""
OWN_HYBRID = "4:memory:/jobs/a/b\n3:cpu,cpuacct:/\n1:name=systemd:/x:y\n0::/init.scope\n"


def test_it_reads_how_groups_are_mounted() -> None:
    machine = cgroups.read_machine(MOUNTS_HYBRID, OWN_HYBRID)
    assert [(mount.folder.name, sorted(mount.controllers), mount.unified) for mount in machine.mounts] == [
        ("unified", [], True),
        ("cpu,cpuacct", ["cpu", "cpuacct"], False),
        ("memory", ["memory"], False),
        ("systemd", [], False),
    ]
    assert machine.own["memory"] == "/jobs/a/b"
    assert machine.own["cpuacct"] == "/"
    assert machine.own[""] == "/init.scope"
    assert machine.own["name=systemd"] == "/x:y"


def test_no_groups_at_all() -> None:
    assert cgroups.detect("one", Machine()) is None


def test_version_2_hands_down_what_is_offered_and_not_handed_down_yet(tmp_path: Path) -> None:
    make_group(tmp_path, controllers="cpu io pids", enabled="cpu")
    cgroups._hand_down(tmp_path)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids\n"


def test_version_2_without_any_controller(tmp_path: Path) -> None:
    machine = tree_v2(tmp_path, enabled="")
    for folder in (tmp_path, tmp_path / "sandbox-console", tmp_path / "sandbox-console/one"):
        make_group(folder, controllers="io")
    assert cgroups.detect("one", machine) is None


def test_version_2_says_which_controllers_hold(tmp_path: Path) -> None:
    groups = cgroups.detect("one", tree_v2(tmp_path))
    assert groups is not None
    assert groups.controllers == {"cpu", "memory", "pids"}


def test_version_2_without_a_right_to_write(tmp_path: Path) -> None:
    machine = tree_v2(tmp_path / "top")
    machine.mounts = [MountPoint(tmp_path / "absent" / "deep", "/", frozenset(), unified=True)]
    assert cgroups.detect("one", machine) is None


def test_version_2_beside_processes_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The top of a container's tree: busy until its processes have moved to a leaf."""
    make_group(tmp_path)
    (tmp_path / "cgroup.procs").write_text("7\n8\n")
    real_write = cgroups.write
    moved: list[object] = []

    def write(path: Path, value: str | int) -> None:
        if path.name == "cgroup.subtree_control" and len(moved) < 2:
            raise OSError(16, "busy")
        if path.name == "cgroup.procs":
            moved.append(value)
        real_write(path, value)

    monkeypatch.setattr(cgroups, "write", write)
    cgroups._hand_down(tmp_path)
    assert sorted(map(str, moved)) == ["7", "8"]
    assert (tmp_path / "supervisor").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids\n"


def test_limits_of_version_2(tmp_path: Path) -> None:
    groups = cgroups.detect("one", tree_v2(tmp_path))
    assert groups is not None
    folder = tmp_path / "sandbox-console/one/box"
    folder.mkdir()
    for name in FILES_V2:
        (folder / name).touch()
    group = groups.group("box")
    group.create(RESOURCES)
    doors = group.open_doors()
    cgroups.attach(doors)
    close_all(doors)
    assert {name: (folder / name).read_text().strip() for name in FILES_V2} == {
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "cpu.max": "50000 100000",
        "pids.max": "40",
        "cgroup.procs": "0",
    }
    (folder / "cgroup.procs").write_text("42\n43\n")
    assert group.processes() == {42, 43}
    assert groups.names() == {"box"}


def test_counters_of_version_2(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\nnr_throttled 3\nthrottled_usec 250000\n")
    (folder / "memory.current").write_text("5000\n")
    (folder / "memory.stat").write_text("anon 1\ninactive_file 1000\n")
    (folder / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    (folder / "pids.current").write_text("9\n")
    expected = Counters(cpu_seconds=1.5, memory_bytes=4000, pids=9, oom_kills=1, throttled_seconds=0.25)
    assert cgroups.GroupV2(folder).counters() == expected


def test_counters_of_a_group_that_is_gone(tmp_path: Path) -> None:
    assert cgroups.GroupV2(tmp_path / "gone").counters() == Counters()
    assert cgroups.GroupV2(tmp_path / "gone").processes() == set()
    assert cgroups.GroupV2(tmp_path / "gone").remove()
    assert cgroups.GroupV1({"pids": tmp_path / "gone"}).counters() == Counters()


@pytest.mark.parametrize(("millis", "quota"), [(1, 1000), (10, 1000), (500, 50_000), (1000, 100_000), (2500, 250_000)])
def test_quota(millis: int, quota: int) -> None:
    assert cgroups.quota_us(millis) == quota


def test_own_group_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    mount = MountPoint(tmp_path, "/jobs/a", frozenset({"memory"}), unified=False)
    assert cgroups._own_folder(mount, "/jobs/a/b") == tmp_path / "b"
    assert cgroups._own_folder(mount, "/elsewhere") == tmp_path
    assert cgroups._own_folder(mount, "/jobs/a/not-shown") == tmp_path


def test_a_limit_below_the_hosts_own_group(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    machine = Machine([MountPoint(tmp_path, "/", frozenset({"memory"}), unified=False)], {"memory": "/own"})
    groups = cgroups.detect("one", machine)
    assert groups is not None
    assert groups.controllers == {"memory"}
    assert (tmp_path / "own/sandbox-console/one").is_dir()
    groups.remove()
    assert list((tmp_path / "own").iterdir()) == []


def test_entering_version_1_does_not_wait_for_the_machine(tmp_path: Path) -> None:
    for name in ("tasks", "cgroup.procs"):
        (tmp_path / name).touch()
    doors = cgroups.GroupV1({"memory": tmp_path}).open_doors()
    cgroups.attach(doors)
    close_all(doors)
    assert ((tmp_path / "tasks").read_text(), (tmp_path / "cgroup.procs").read_text()) == ("0", "")


@pytest.mark.kernel
@pytest.mark.skipif(os.geteuid() != 0, reason="control groups of the machine need root")
def test_groups_of_this_machine() -> None:
    groups = cgroups.detect("test-groups")
    assert groups is not None
    assert groups.controllers == {"cpu", "memory", "pids"}
    group = groups.group("box")
    group.create(RESOURCES)
    group.create(RESOURCES)
    pid = os.fork()
    if pid == 0:
        cgroups.attach(group.open_doors())
        os.read(0, 0)
        sum(range(200_000))
        os._exit(0)
    os.waitpid(pid, 0)
    assert group.processes() == set()
    assert (group.counters().cpu_seconds or 0) > 0
    assert group.counters().oom_kills == 0
    assert group.remove()
    assert group.remove()
    groups.remove()
