"""Bytes of a sandbox's network, as the kernel's table tells them."""

from __future__ import annotations

import os

from sandboxcore.runtimes.namespaces.traffic import Traffic, read_traffic, traffic_of

HEAD = (
    "Inter-|   Receive      |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
)
LOOPBACK = "    lo:    5000      10    0    0    0     0          0         0     5000      10\n"
OUTSIDE = "  eth0: 1234567     999    0    0    0     0          0         0      765      55\n"
UNSPACED = "veth1:1       1    0    0    0     0          0         0      2      1\n"


def test_it_works() -> None:
    assert read_traffic(HEAD + LOOPBACK + OUTSIDE) == Traffic(1234567, 765)


def test_interfaces_are_summed_without_the_loopback() -> None:
    assert read_traffic(HEAD + OUTSIDE + LOOPBACK + UNSPACED) == Traffic(1234568, 767)


def test_a_loopback_alone_counts() -> None:
    assert read_traffic(HEAD + LOOPBACK) == Traffic(5000, 5000)


def test_no_interface_is_not_nothing() -> None:
    assert read_traffic(HEAD) is None
    assert read_traffic("") is None
    assert read_traffic(HEAD + "broken line\n") is None


def test_the_kernels_own_table() -> None:
    found = traffic_of(os.getpid())
    assert found is not None
    assert found.rx_bytes >= 0


def test_a_process_that_is_gone() -> None:
    assert traffic_of(2**22 + 1) is None
