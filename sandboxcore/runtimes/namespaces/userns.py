"""Writing the id maps of a sandbox's user namespace, from outside."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import syscalls

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.plan import IdMap


def write_maps(pid: int, ids: IdMap) -> None:
    """Map the ids of the new user namespace that the process ``pid`` is in."""
    if ids.kind == "range":
        for kind in ("uid", "gid"):
            _write(f"/proc/{pid}/{kind}_map", f"0 {ids.base} {ids.count}\n")
    elif ids.kind == "subordinate":
        _map_subordinate("newuidmap", pid, os.getuid(), ids)
        _map_subordinate("newgidmap", pid, os.getgid(), ids)
    else:
        _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", f"0 {os.getuid()} 1\n")
        _write(f"/proc/{pid}/gid_map", f"0 {os.getgid()} 1\n")


def become_root_inside(ids: IdMap) -> None:
    """Take the id 0 of the namespace that this process has just entered."""
    if ids.kind != "single":
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # The change of user made this process undumpable, and its /proc files another's, until PID 1 wants just that.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)


def _map_subordinate(program: str, pid: int, own: int, ids: IdMap) -> None:
    arguments = [program, str(pid), "0", str(own), "1", "1", str(ids.base), str(ids.count)]
    path = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(arguments, capture_output=True, check=False, timeout=10, env=path)  # noqa: S603 - own numbers
    if done.returncode != 0:
        raise OSError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="ascii")
