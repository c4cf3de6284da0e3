"""The seccomp filter of every sandbox: classic BPF, assembled here, for x86-64 and aarch64.

Refused are the calls that make or enter namespaces, mount, load code into the kernel or talk to parts of it that a
sandbox has no use for, with EPERM; numbers newer than this table, and ``clone3`` whose flags a filter cannot read,
with ENOSYS, so that a libc falls back; sockets of families other than unix, IPv4, IPv6 and routing netlink with
EAFNOSUPPORT; ``TIOCSTI`` and ``TIOCLINUX`` (typing into another's terminal) with EPERM. A call by another
architecture's convention kills the process.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct
from dataclasses import dataclass

_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_NOT_LESS = 0x35
_JUMP_IF_ANY_BIT = 0x45
_RETURN = 0x06

_RETURN_ALLOW = 0x7FFF0000
_RETURN_ERRNO = 0x00050000
_RETURN_KILL_PROCESS = 0x80000000

# Offsets in struct seccomp_data; the low half of an argument comes first on both (little-endian) architectures.
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1, _ARGUMENT_2 = 0, 4, 16, 24, 32

NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEW* of clone(2): mount, cgroup, uts, ipc, user, pid, net."""
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
NEWEST_KNOWN = 462
"""The highest number judged here (mseal); later calls do not exist for a sandbox."""

_SAME_EVERYWHERE = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "set_mempolicy_home_node": 450,
}
_CLONE3 = 435


@dataclass(frozen=True)
class Architecture:
    """What the filter must know of one machine type."""

    audit_number: int
    clone: int
    ioctl: int
    socket: int
    refused: dict[str, int]


X86_64 = Architecture(
    audit_number=0xC000003E,
    clone=56,
    ioctl=16,
    socket=41,
    refused=_SAME_EVERYWHERE
    | {
        "syslog": 103,
        "uselib": 134,
        "ustat": 136,
        "sysfs": 139,
        "vhangup": 153,
        "modify_ldt": 154,
        "pivot_root": 155,
        "_sysctl": 156,
        "adjtimex": 159,
        "acct": 163,
        "settimeofday": 164,
        "mount": 165,
        "umount2": 166,
        "swapon": 167,
        "swapoff": 168,
        "reboot": 169,
        "sethostname": 170,
        "setdomainname": 171,
        "iopl": 172,
        "ioperm": 173,
        "create_module": 174,
        "init_module": 175,
        "delete_module": 176,
        "get_kernel_syms": 177,
        "query_module": 178,
        "quotactl": 179,
        "nfsservctl": 180,
        "lookup_dcookie": 212,
        "clock_settime": 227,
        "mbind": 237,
        "set_mempolicy": 238,
        "get_mempolicy": 239,
        "kexec_load": 246,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "migrate_pages": 256,
        "unshare": 272,
        "vmsplice": 278,
        "move_pages": 279,
        "perf_event_open": 298,
        "fanotify_init": 300,
        "name_to_handle_at": 303,
        "open_by_handle_at": 304,
        "clock_adjtime": 305,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "kcmp": 312,
        "finit_module": 313,
        "kexec_file_load": 320,
        "bpf": 321,
        "userfaultfd": 323,
    },
)

AARCH64 = Architecture(
    audit_number=0xC00000B7,
    clone=220,
    ioctl=29,
    socket=198,
    refused=_SAME_EVERYWHERE
    | {
        "lookup_dcookie": 18,
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "nfsservctl": 42,
        "vhangup": 58,
        "quotactl": 60,
        "vmsplice": 75,
        "acct": 89,
        "unshare": 97,
        "kexec_load": 104,
        "init_module": 105,
        "delete_module": 106,
        "clock_settime": 112,
        "syslog": 116,
        "reboot": 142,
        "sethostname": 161,
        "setdomainname": 162,
        "settimeofday": 170,
        "adjtimex": 171,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "swapon": 224,
        "swapoff": 225,
        "mbind": 235,
        "get_mempolicy": 236,
        "set_mempolicy": 237,
        "migrate_pages": 238,
        "move_pages": 239,
        "perf_event_open": 241,
        "fanotify_init": 262,
        "name_to_handle_at": 264,
        "open_by_handle_at": 265,
        "clock_adjtime": 266,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "kcmp": 272,
        "finit_module": 273,
        "bpf": 280,
        "userfaultfd": 282,
        "kexec_file_load": 294,
    },
)

ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}
ALLOWED_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
_NETLINK_ROUTE = 0

_Instruction = tuple[int, int, str | int, str | int]
"""Code, operand, and where to go when a test holds and when not: a label, or 0 for the next instruction."""


def _program(architecture: Architecture) -> list[_Instruction | str]:
    """The filter with labels (plain strings) still in it."""
    lines: list[_Instruction | str] = [
        (_LOAD, _ARCHITECTURE, 0, 0),
        (_JUMP_IF_EQUAL, architecture.audit_number, 0, "kill"),
        (_LOAD, _NUMBER, 0, 0),
        # Catches the x32 convention too, whose numbers have bit 30 set.
        (_JUMP_IF_NOT_LESS, NEWEST_KNOWN + 1, "enosys", 0),
        (_JUMP_IF_EQUAL, _CLONE3, "enosys", 0),
        (_JUMP_IF_EQUAL, architecture.clone, "clone", 0),
        (_JUMP_IF_EQUAL, architecture.ioctl, "ioctl", 0),
        (_JUMP_IF_EQUAL, architecture.socket, "socket", 0),
    ]
    lines += [(_JUMP_IF_EQUAL, number, "eperm", 0) for number in sorted(architecture.refused.values())]
    lines += [
        (_RETURN, _RETURN_ALLOW, 0, 0),
        "clone",
        (_LOAD, _ARGUMENT_0, 0, 0),
        (_JUMP_IF_ANY_BIT, NAMESPACE_FLAGS, "eperm", "allow"),
        "ioctl",
        (_LOAD, _ARGUMENT_1, 0, 0),
        (_JUMP_IF_EQUAL, TIOCSTI, "eperm", 0),
        (_JUMP_IF_EQUAL, TIOCLINUX, "eperm", "allow"),
        "socket",
        (_LOAD, _ARGUMENT_0, 0, 0),
        *((_JUMP_IF_EQUAL, int(family), "allow", 0) for family in ALLOWED_FAMILIES),
        (_JUMP_IF_EQUAL, int(socket.AF_NETLINK), 0, "eafnosupport"),
        (_LOAD, _ARGUMENT_2, 0, 0),
        (_JUMP_IF_EQUAL, _NETLINK_ROUTE, "allow", "eafnosupport"),
        "allow",
        (_RETURN, _RETURN_ALLOW, 0, 0),
        "eperm",
        (_RETURN, _RETURN_ERRNO | errno.EPERM, 0, 0),
        "enosys",
        (_RETURN, _RETURN_ERRNO | errno.ENOSYS, 0, 0),
        "eafnosupport",
        (_RETURN, _RETURN_ERRNO | errno.EAFNOSUPPORT, 0, 0),
        "kill",
        (_RETURN, _RETURN_KILL_PROCESS, 0, 0),
    ]
    return lines


def assemble(architecture: Architecture) -> bytes:
    """The filter as an array of ``struct sock_filter``."""
    labels: dict[str, int] = {}
    instructions: list[_Instruction] = []
    for line in _program(architecture):
        if isinstance(line, str):
            labels[line] = len(instructions)
        else:
            instructions.append(line)

    def distance(target: str | int, position: int) -> int:
        return labels[target] - position - 1 if isinstance(target, str) else target

    return b"".join(
        struct.pack("HBBI", code, distance(then, position), distance(otherwise, position), operand)
        for position, (code, operand, then, otherwise) in enumerate(instructions)
    )


def for_this_machine() -> bytes:
    """The filter of the machine that this runs on. Raises ``LookupError`` on a machine type without a table."""
    return assemble(ARCHITECTURES[platform.machine()])
