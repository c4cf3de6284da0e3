"""The Linux system calls that Python's standard library does not offer, through ctypes. Every failure is an
``OSError``."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 1 << 14
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_IDMAP = 0x100000

CAPABILITIES = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "NET_BIND_SERVICE": 10,
    "SYS_CHROOT": 18,
    "SYS_ADMIN": 21,
    "SYS_RESOURCE": 24,
    "AUDIT_WRITE": 29,
    "SETFCAP": 31,
}

_NO_DESCRIPTOR = 1 << 30
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x1 | 0x40

# Numbers of these are the same on every architecture that Linux added since 2011, x86-64 included.
_CLOSE_RANGE_CLOEXEC = 4
_NR_OPEN_TREE, _NR_MOVE_MOUNT, _NR_CLOSE_RANGE, _NR_MOUNT_SETATTR = 428, 429, 436, 442
_NR_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine(), 220)
_NR_RT_SIGACTION = {"x86_64": 13, "aarch64": 134}.get(platform.machine(), 134)
_NR_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(platform.machine(), 41)

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
_locked = ctypes.PyDLL(None, use_errno=True)
_locked.syscall.restype = ctypes.c_long
libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4

LIBRARY_SIGNALS = (32, 33)
_KERNEL_SIGACTION, _KERNEL_SIGSET = 32, 8
"""Sizes in bytes of the kernel's records; all zeros is the default action."""
LAST_CAPABILITY = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _bytes(path: str | os.PathLike[str] | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def fork_into(namespaces: int) -> int:
    """fork(2) with the child in new namespaces, a pid namespace included: the id of the child, or 0 in the child.

    Only in a process with one thread, since the C library is not told.
    """
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    # Through an interface that keeps the interpreter's lock: the child must come back holding it.
    pid = int(_locked.syscall(_NR_CLONE, namespaces | signal.SIGCHLD, 0, 0, 0, 0))
    number = ctypes.get_errno()
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone {namespaces:#x}: {os.strerror(number)}")
    return pid


def unshare(flags: int) -> None:
    """Move into new namespaces; a new pid namespace is for children only."""
    _check(libc.unshare(flags), f"unshare {flags:#x}")


def mount(
    source: str | None,
    target: str | os.PathLike[str],
    filesystem: str | None = None,
    flags: int = 0,
    options: str | None = None,
) -> None:
    """mount(2)."""
    what = f"mount {filesystem or source or flags} on {os.fspath(target)}"
    _check(libc.mount(_bytes(source), _bytes(target), _bytes(filesystem), flags, _bytes(options)), what)


def bind(source: str, target: str | os.PathLike[str], flags: int = 0) -> None:
    """Show ``source`` at ``target`` too; with ``flags`` (read-only and the like) in force there."""
    mount(source, target, None, MS_BIND)
    if flags:
        mount(None, target, None, MS_BIND | MS_REMOUNT | flags)


def unmount(target: str | os.PathLike[str], flags: int = MNT_DETACH) -> None:
    """umount2(2), lazily by default."""
    _check(libc.umount2(_bytes(target), flags), f"unmount {os.fspath(target)}")


def pivot_into(directory: str | os.PathLike[str]) -> None:
    """Make the mount at ``directory`` the root of this mount namespace and let go of the old root."""
    os.chdir(directory)
    _check(libc.syscall(_NR_PIVOT_ROOT, b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def set_hostname(name: str) -> None:
    """sethostname(2)."""
    raw = name.encode()
    _check(libc.sethostname(raw, len(raw)), "sethostname")


def close_others(kept: Iterable[int]) -> None:
    """Close every descriptor of this process but these."""
    low = 0
    for descriptor in (*sorted(kept), _NO_DESCRIPTOR):
        if low < descriptor:
            _check(libc.syscall(_NR_CLOSE_RANGE, low, descriptor - 1, 0), "close_range")
        low = descriptor + 1


def close_on_exec(low: int) -> None:
    """Let exec close every descriptor from ``low`` on."""
    _check(libc.syscall(_NR_CLOSE_RANGE, low, _NO_DESCRIPTOR - 1, _CLOSE_RANGE_CLOEXEC), "close_range")


def unignore_library_signals() -> None:
    """Undo what the C library's posix_spawn does to its children: the two signals that it keeps to itself stay ignored.

    rt_sigaction(2) directly, since the library's own functions refuse those two.
    """
    default = ctypes.create_string_buffer(_KERNEL_SIGACTION)
    for number in LIBRARY_SIGNALS:
        done = libc.syscall(_NR_RT_SIGACTION, number, default, None, ctypes.c_size_t(_KERNEL_SIGSET))
        _check(done, f"rt_sigaction {number}")


def prctl(option: int, value: int = 0) -> None:
    """prctl(2) with one argument."""
    _check(libc.prctl(option, value, 0, 0, 0), f"prctl {option}")


def set_process_name(name: str) -> None:
    """The 15 characters that ``ps`` and ``/proc/*/comm`` show."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    prctl(PR_SET_NAME, ctypes.addressof(buffer))


def keep_capabilities(names: tuple[str, ...]) -> None:
    """Drop every other capability from all sets, the bounding set included. No names: drop all."""
    kept = sum(1 << CAPABILITIES[name] for name in names)
    for number in range(LAST_CAPABILITY + 1):
        if not kept >> number & 1:
            prctl(PR_CAPBSET_DROP, number)
    set_capabilities(effective=kept, permitted=kept)


def set_capabilities(*, effective: int, permitted: int) -> None:
    """capset(2) with an empty inheritable set. The ambient set follows: it never exceeds the inheritable one."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    low = 0xFFFFFFFF
    data = struct.pack("6I", effective & low, permitted & low, 0, effective >> 32, permitted >> 32, 0)
    _check(libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(data)), "capset")


class SeccompProgram:
    """A compiled filter in memory that lives as long as this object, so that a forked child can load it at no cost."""

    def __init__(self, instructions: bytes) -> None:
        self._instructions = ctypes.create_string_buffer(instructions, len(instructions))
        count = len(instructions) // 8
        self._program = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", count, ctypes.addressof(self._instructions))
        )

    def load(self) -> None:
        """Put this process and all that it will ever start under the filter; needs no_new_privs."""
        _check(
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(self._program), 0, 0),
            "load the seccomp filter",
        )


def clone_mount(path: str) -> int:
    """A detached copy of the mount tree's top at ``path``, as a descriptor."""
    return _check(
        libc.syscall(_NR_OPEN_TREE, AT_FDCWD, _bytes(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
        f"open_tree {path}",
    )


def set_mount_attributes(descriptor: int, attributes: int, user_namespace: int | None = None) -> None:
    """Set ``MOUNT_ATTR_*`` on a detached mount; with ``user_namespace``, its owners appear through that map."""
    if user_namespace is not None:
        attributes |= MOUNT_ATTR_IDMAP
    record = struct.pack("QQQQ", attributes, 0, 0, user_namespace or 0)
    _check(
        libc.syscall(
            _NR_MOUNT_SETATTR, descriptor, b"", AT_EMPTY_PATH, ctypes.c_char_p(record), ctypes.c_size_t(len(record))
        ),
        "mount_setattr",
    )


def attach_mount(descriptor: int, target: str | os.PathLike[str]) -> None:
    """Put a detached mount at ``target``."""
    _check(
        libc.syscall(_NR_MOVE_MOUNT, descriptor, b"", AT_FDCWD, _bytes(target), MOVE_MOUNT_F_EMPTY_PATH),
        f"move_mount to {os.fspath(target)}",
    )


def bring_up_loopback() -> None:
    """Switch on ``lo`` in this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


def process_start_time(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; with its id this names it for ever. None: no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


class _Areas:
    """Where this process's words and environment lie in memory: where ``ps`` reads them. Forks have them there too."""

    def __init__(self) -> None:
        stat = Path("/proc/self/stat").read_bytes()
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.words = (int(fields[45]), int(fields[46]))
        self.environment = (int(fields[47]), int(fields[48]))


_AREAS = _Areas()


def rewrite_command_line(text: str) -> None:
    """Show ``text`` in ``ps`` instead of the words that this process was started with."""
    start, end = _AREAS.words
    shown = text.encode()[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, shown, len(shown))


def forget_environment() -> None:
    """Empty the environment of this process, the memory that ``/proc/*/environ`` shows included."""
    start, end = _AREAS.environment
    os.environ.clear()
    libc.clearenv()
    ctypes.memset(start, 0, end - start)
