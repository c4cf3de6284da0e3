"""The filter, run by an interpreter of classic BPF written for this test, for both architectures."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from sandboxcore.runtimes.namespaces import seccomp
from sandboxcore.runtimes.namespaces.seccomp import AARCH64, ARCHITECTURES, X86_64, Architecture

ALLOW, KILL = 0x7FFF0000, 0x80000000
BOTH = pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=["x86_64", "aarch64"])


def refusal(number: int) -> int:
    return 0x00050000 | number


def judge(machine: Architecture, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says to one call."""
    audit = machine.audit_number if audit is None else audit
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, audit, 0, *padded)
    program = list(struct.iter_unpack("<HBBI", seccomp.assemble(machine)))
    position = accumulator = 0
    while True:
        code, then, otherwise, operand = program[position]
        position += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x06:
            return int(operand)
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: accumulator & operand != 0}[code]
            position += then if holds else otherwise


@BOTH
def test_ordinary_calls_pass(machine: Architecture) -> None:
    ordinary = {0, 1, 2, 3, 9, 39, 57, 59, 60, 257, 281, 302, 318, 332, 334, 424, 434, 436, 439, 441, 449}
    refused = set(machine.refused.values()) | {machine.clone, machine.ioctl, machine.socket}
    assert {judge(machine, number) for number in ordinary - refused} == {ALLOW}


@BOTH
def test_every_refused_call(machine: Architecture) -> None:
    assert {judge(machine, number) for number in machine.refused.values()} == {refusal(errno.EPERM)}


@BOTH
def test_calls_of_the_future_and_clone3(machine: Architecture) -> None:
    for number in (435, 463, 1000, 0x40000000, 0x40000000 + 1, 0xFFFFFFFF):
        assert judge(machine, number) == refusal(errno.ENOSYS)
    assert judge(machine, seccomp.NEWEST_KNOWN) == ALLOW


@BOTH
def test_namespaces_by_clone(machine: Architecture) -> None:
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert judge(machine, machine.clone, flag | 17) == refusal(errno.EPERM)
    for flags in (17, 0x3D0F00, 0x4111, 0x1200011):
        assert judge(machine, machine.clone, flags) == ALLOW


@BOTH
def test_typing_into_terminals(machine: Architecture) -> None:
    for request in (seccomp.TIOCSTI, seccomp.TIOCLINUX, 0xFFFFFFFF00000000 | seccomp.TIOCSTI):
        assert judge(machine, machine.ioctl, 0, request) == refusal(errno.EPERM)
    for request in (0x5401, 0x5413, 0x5414, 0x541B):
        assert judge(machine, machine.ioctl, 0, request) == ALLOW


@BOTH
def test_socket_families(machine: Architecture) -> None:
    allowed = {int(family) for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)}
    for family in range(50):
        verdict = ALLOW if family in allowed | {16} else refusal(errno.EAFNOSUPPORT)
        assert judge(machine, machine.socket, family, 1, 0) == verdict
    for protocol in range(1, 23):
        assert judge(machine, machine.socket, 16, 3, protocol) == refusal(errno.EAFNOSUPPORT)


@BOTH
def test_another_convention_kills(machine: Architecture) -> None:
    for audit in (0x40000003, 0x40000028, 0, 0xFFFFFFFF):
        assert judge(machine, 1, audit=audit) == KILL


def test_both_tables_refuse_the_same() -> None:
    only_x86 = {"_sysctl", "create_module", "get_kernel_syms", "ioperm", "iopl", "modify_ldt", "query_module"}
    only_x86 |= {"sysfs", "uselib", "ustat"}
    assert set(X86_64.refused) - set(AARCH64.refused) == only_x86
    assert set(AARCH64.refused) <= set(X86_64.refused)


def test_jumps_are_short_enough() -> None:
    for machine in ARCHITECTURES.values():
        assert len(seccomp.assemble(machine)) // 8 < 200
