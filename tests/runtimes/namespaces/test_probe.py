"""What is missing on a machine is named together with what mends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.namespaces import probe, syscalls

if TYPE_CHECKING:
    from pathlib import Path

UNSHARE = f"[Errno 1] unshare {syscalls.CLONE_NEWUSER:#x}"


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        ("[Errno 28] clone 0x30000000: No space left on device", "user.max_user_namespaces"),
        (f"[Errno 28] unshare {syscalls.CLONE_NEWUSER:#x}: No space left on device", "user.max_user_namespaces"),
        (f"{UNSHARE}: Operation not permitted", "kernel.unprivileged_userns_clone=1"),
        ("[Errno 1] mount proc on /x/proc: Operation not permitted", "systempaths=unconfined"),
        ("[Errno 19] mount overlay on /x: No such device", "modprobe overlay"),
        ("newuidmap failed: not allowed", "/etc/subuid"),
        ("[Errno 1] pivot_root: Operation not permitted", "privileged"),
    ],
)
def test_remedies(failure: str, remedy: str) -> None:
    missing = probe.explain(failure)
    assert failure.removeprefix("[Errno ").split("] ", 1)[-1] in missing.what
    assert remedy in missing.remedy


def test_an_attempt_tells_how_it_went() -> None:
    def fail() -> None:
        raise OSError(13, "not this time")

    def crash() -> None:
        os._exit(3)

    assert probe.attempt(lambda: None) is None
    assert "not this time" in (probe.attempt(fail) or "")
    assert probe.attempt(crash) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("other:100000:65536\nme:200000:65536\n", (200000, 65535)),
        ("me:200000:1000\n", (200000, 1000)),
        ("me:x:65536\nme\n", None),
        ("", None),
    ],
)
def test_subordinate_ids(tmp_path: Path, text: str, expected: tuple[int, int] | None) -> None:
    (tmp_path / "subuid").write_text(text)
    assert probe._subordinate(tmp_path / "subuid", "me") == expected
    assert probe._subordinate(tmp_path / "subuid", "") is None
    assert probe._subordinate(tmp_path / "absent", "me") is None
