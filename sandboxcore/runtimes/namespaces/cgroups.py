"""Limits and accounting by control groups, version 1 (one tree a controller) and version 2 (one tree).

All groups of one host lie in ``sandbox-console/<instance>``: below the host's own group in version 1, so that
limits already set on it go on holding; at the top of the visible tree in version 2, where only a group without
processes may hand controllers down. Every sandbox has one group, named by its id, which is a leaf.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandboxcore.runtimes.base import Resources

PARENT = "sandbox-console"
CONTROLLERS = ("cpu", "memory", "pids")
PERIOD_US = 100_000
LEAST_QUOTA_US = 1_000


@dataclass(frozen=True, slots=True)
class Counters:
    """What a group has used; None where no controller counts it."""

    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    pids: int | None = None
    oom_kills: int | None = None
    throttled_seconds: float | None = None


class Group(Protocol):
    """The group, or groups, of one sandbox."""

    def create(self, resources: Resources) -> None:
        """Make it, with its limits. Raises ``OSError``."""

    def open_doors(self) -> list[int]:
        """Descriptors for ``attach``, which needs no path any more."""

    def processes(self) -> set[int]:
        """Everything inside now."""

    def counters(self) -> Counters:
        """What it has used until now."""

    def remove(self) -> bool:
        """Remove it; False while something in it is still ending."""


class Groups(Protocol):
    """All groups of this host."""

    @property
    def controllers(self) -> frozenset[str]:
        """Which of ``CONTROLLERS`` hold here."""

    def group(self, name: str) -> Group:
        """The group of this name, existing or not."""

    def names(self) -> set[str]:
        """Every group that exists."""

    def remove(self) -> None:
        """Remove the parent folders of this host when they are empty."""


def _open_door(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CLOEXEC)


def attach(doors: Iterable[int]) -> None:
    """Move this process, which has one thread, in; its children follow."""
    for door in doors:
        os.write(door, b"0")


def quota_us(cpu_millis: int) -> int:
    """Microseconds of processor time in each period."""
    return max(LEAST_QUOTA_US, cpu_millis * PERIOD_US // 1000)


def write(path: Path, value: str | int) -> None:
    """Write one value to a control file."""
    path.write_text(f"{value}\n", encoding="ascii")


def read_int(path: Path) -> int | None:
    """The number in a control file; None for ``max``, without that file, or where its group goes at this moment."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def read_pairs(path: Path) -> dict[str, int]:
    """The numbers of a control file of ``name number`` lines; empty where ``read_int`` is None."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    return {name: int(value) for name, value in (line.split(None, 1) for line in lines) if value.isdigit()}


def read_processes(folders: Iterable[Path]) -> set[int]:
    """The processes of these groups."""
    found: set[int] = set()
    for folder in folders:
        try:
            found.update(map(int, (folder / "cgroup.procs").read_text(encoding="ascii").split()))
        except FileNotFoundError:
            continue
    return found


def remove_folder(folder: Path) -> bool:
    """rmdir; True when it is gone, False while it is busy."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise
    return True


@dataclass(frozen=True, slots=True)
class GroupV1:
    """One folder in the tree of each controller."""

    folders: dict[str, Path]

    def create(self, resources: Resources) -> None:
        for folder in set(self.folders.values()):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if (memory := self.folders.get("memory")) is not None:
            write(memory / "memory.limit_in_bytes", resources.memory_bytes)
            # Memory and swap together: no more than the memory. Not every kernel counts swap.
            if (memory / "memory.memsw.limit_in_bytes").exists():
                write(memory / "memory.memsw.limit_in_bytes", resources.memory_bytes)
            else:
                write(memory / "memory.swappiness", 0)
        if (cpu := self.folders.get("cpu")) is not None:
            write(cpu / "cpu.cfs_period_us", PERIOD_US)
            write(cpu / "cpu.cfs_quota_us", quota_us(resources.cpu_millis))
        if (pids := self.folders.get("pids")) is not None:
            write(pids / "pids.max", resources.pids)

    def open_doors(self) -> list[int]:
        # A process of one thread is moved by either file; through cgroup.procs the kernel first waits, ten milliseconds
        # on a calm machine, until no process of the whole machine is forking or ending.
        return [_open_door(folder / "tasks") for folder in set(self.folders.values())]

    def processes(self) -> set[int]:
        return read_processes(set(self.folders.values()))

    def counters(self) -> Counters:
        memory, cpu, pids = (self.folders.get(name) for name in ("memory", "cpu", "pids"))
        account = self.folders.get("cpuacct")
        nanoseconds = read_int(account / "cpuacct.usage") if account else None
        throttled = read_pairs(cpu / "cpu.stat").get("throttled_time") if cpu else None
        return Counters(
            cpu_seconds=None if nanoseconds is None else nanoseconds / 1e9,
            memory_bytes=_working_set_v1(memory) if memory else None,
            pids=read_int(pids / "pids.current") if pids else None,
            oom_kills=read_pairs(memory / "memory.oom_control").get("oom_kill") if memory else None,
            throttled_seconds=None if throttled is None else throttled / 1e9,
        )

    def remove(self) -> bool:
        left = [folder for folder in set(self.folders.values()) if not remove_folder(folder)]
        return not left


def _working_set_v1(memory: Path) -> int | None:
    """Memory that cannot be had back by dropping cached files that nobody has read twice."""
    used = read_int(memory / "memory.usage_in_bytes")
    if used is None:
        return None
    return max(0, used - read_pairs(memory / "memory.stat").get("total_inactive_file", 0))


@dataclass(frozen=True, slots=True)
class GroupsV1:
    """``bases``: the folder of this host in the tree of each controller, ``cpuacct`` among them."""

    bases: dict[str, Path]

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(CONTROLLERS) & self.bases.keys()

    def group(self, name: str) -> GroupV1:
        return GroupV1({controller: base / name for controller, base in self.bases.items()})

    def names(self) -> set[str]:
        return {entry.name for base in self.bases.values() for entry in _subfolders(base)}

    def remove(self) -> None:
        for base in set(self.bases.values()):
            if remove_folder(base):
                remove_folder(base.parent)


@dataclass(frozen=True, slots=True)
class GroupV2:
    """One folder."""

    folder: Path

    def create(self, resources: Resources) -> None:
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if (self.folder / "memory.max").exists():
            write(self.folder / "memory.max", resources.memory_bytes)
            # Without swap in the kernel there is nothing to limit.
            if (self.folder / "memory.swap.max").exists():
                write(self.folder / "memory.swap.max", 0)
        if (self.folder / "cpu.max").exists():
            write(self.folder / "cpu.max", f"{quota_us(resources.cpu_millis)} {PERIOD_US}")
        if (self.folder / "pids.max").exists():
            write(self.folder / "pids.max", resources.pids)

    def open_doors(self) -> list[int]:
        return [_open_door(self.folder / "cgroup.procs")]

    def processes(self) -> set[int]:
        return read_processes([self.folder])

    def counters(self) -> Counters:
        cpu = read_pairs(self.folder / "cpu.stat")
        used = read_int(self.folder / "memory.current")
        cached = read_pairs(self.folder / "memory.stat").get("inactive_file", 0)
        return Counters(
            cpu_seconds=cpu["usage_usec"] / 1e6 if "usage_usec" in cpu else None,
            memory_bytes=None if used is None else max(0, used - cached),
            pids=read_int(self.folder / "pids.current"),
            oom_kills=read_pairs(self.folder / "memory.events").get("oom_kill"),
            throttled_seconds=cpu["throttled_usec"] / 1e6 if "throttled_usec" in cpu else None,
        )

    def remove(self) -> bool:
        return remove_folder(self.folder)


@dataclass(frozen=True, slots=True)
class GroupsV2:
    """``base``: the folder of this host."""

    base: Path
    controllers: frozenset[str]

    def group(self, name: str) -> GroupV2:
        return GroupV2(self.base / name)

    def names(self) -> set[str]:
        return {entry.name for entry in _subfolders(self.base)}

    def remove(self) -> None:
        if remove_folder(self.base):
            remove_folder(self.base.parent)


def _subfolders(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else iter(())


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mounted tree of groups."""

    folder: Path
    root: str
    """The group that appears at ``folder``, as ``/proc/self/cgroup`` would name it."""
    controllers: frozenset[str]
    unified: bool


@dataclass(slots=True)
class Machine:
    """How control groups are mounted, and in which this process is."""

    mounts: list[MountPoint] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    """Own group by controller; the key of version 2 is empty."""


def read_machine(mountinfo: str, own: str) -> Machine:
    """Understand the texts of ``/proc/self/mountinfo`` and ``/proc/self/cgroup``."""
    machine = Machine()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = [*after.split(" "), "", ""][:3]
        if kind in ("cgroup", "cgroup2"):
            root, folder = before.split(" ")[3:5]
            known = frozenset((*CONTROLLERS, "cpuacct")) & set(options.split(","))
            machine.mounts.append(MountPoint(Path(folder), root, known, unified=kind == "cgroup2"))
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        machine.own |= dict.fromkeys(controllers.split(","), path)
    return machine


def detect(instance: str, machine: Machine | None = None) -> Groups | None:
    """The groups of the host called ``instance``, made and writable; None where that cannot be."""
    if machine is None:
        machine = read_machine(
            Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
            Path("/proc/self/cgroup").read_text(encoding="utf-8"),
        )
    name = f"{PARENT}/{instance}"
    bases = _bases_v1(machine, name)
    if bases:
        return GroupsV1(bases)
    for mount in machine.mounts:
        if mount.unified and (groups := _prepare_v2(mount.folder, name)):
            return groups
    return None


def _bases_v1(machine: Machine, name: str) -> dict[str, Path]:
    bases = {}
    for mount in machine.mounts:
        for controller in mount.controllers if not mount.unified else ():
            parent = _own_folder(mount, machine.own.get(controller, "/"))
            try:
                (parent / name).mkdir(mode=0o755, parents=True, exist_ok=True)
            except OSError:
                continue
            if os.access(parent / name, os.W_OK):
                bases[controller] = parent / name
    return bases if set(CONTROLLERS) & bases.keys() else {}


def _own_folder(mount: MountPoint, own: str) -> Path:
    """Own group as a folder, or the top of what is mounted where that does not show it."""
    relative = own.removeprefix(mount.root) if own.startswith(mount.root) else ""
    folder = mount.folder / relative.lstrip("/")
    return folder if folder.is_dir() else mount.folder


def _prepare_v2(top: Path, name: str) -> GroupsV2 | None:
    base = top / name
    try:
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in (top, base.parent, base):
            _hand_down(folder)
        enabled = frozenset((base / "cgroup.subtree_control").read_text(encoding="ascii").split())
    except OSError:
        return None
    held = enabled & frozenset(CONTROLLERS)
    return GroupsV2(base, held) if held else None


def _hand_down(folder: Path) -> None:
    """Let the groups below ``folder`` use the controllers."""
    offered = set((folder / "cgroup.controllers").read_text(encoding="ascii").split())
    enabled = set((folder / "cgroup.subtree_control").read_text(encoding="ascii").split())
    wanted = [f"+{name}" for name in CONTROLLERS if name in offered - enabled]
    if not wanted:
        return
    try:
        write(folder / "cgroup.subtree_control", " ".join(wanted))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        # The top of a container's tree has processes of its own; beside a leaf for them it may hand down.
        leaf = folder / "supervisor"
        leaf.mkdir(exist_ok=True)
        for pid in read_processes([folder]):
            write(leaf / "cgroup.procs", pid)
        write(folder / "cgroup.subtree_control", " ".join(wanted))
