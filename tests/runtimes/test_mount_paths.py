"""Where volumes may appear."""

from __future__ import annotations

import pytest

from sandboxcore.runtimes.mount_paths import refusal


@pytest.mark.parametrize(
    "path",
    ["/data", "/root", "/home/me/.cache", "/usr/local/share/data", "/etc/nginx", "/var/lib/postgresql", "/srv/Ä b"],
)
def test_allowed(path: str) -> None:
    assert refusal(path) is None


@pytest.mark.parametrize(
    "path", ["", "data", "./data", "/", "//", "//data", "/data/", "/a//b", "/a/../b", "/a/.", "/.."]
)
def test_not_plain(path: str) -> None:
    assert refusal(path) == "a mount path is absolute and plain, like /data"


@pytest.mark.parametrize("path", ["/a\0b", "/a\nb", "/\x1b[31m", "/\ud800"])
def test_not_printable(path: str) -> None:
    assert refusal(path) == "a mount path is absolute and plain, like /data"


@pytest.mark.parametrize("path", ["/" + "x" * 256, "/" + "é" * 128, "/x" * 33, "/" + "/".join(["x" * 200] * 6)])
def test_too_long(path: str) -> None:
    assert "at most" in (refusal(path) or "")


@pytest.mark.parametrize(
    "path",
    ["/proc", "/proc/1", "/sys/fs", "/dev/shm", "/usr", "/usr/bin", "/usr/lib/python3", "/etc", "/bin/x", "/var"],
)
def test_the_system_is_closed(path: str) -> None:
    assert "a part of the system" in (refusal(path) or "")


def test_names_that_only_begin_alike_are_open() -> None:
    assert refusal("/process") is None
    assert refusal("/binaries") is None
