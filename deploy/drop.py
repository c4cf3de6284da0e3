"""Start a service without root: `drop.py USER SOURCE=TARGET[:ro]... -- PROGRAM ARGUMENT...`.

In a mount namespace of its own each SOURCE is bound at TARGET (the first becomes the working folder), so that the
service finds its code and its data wherever they lie (below /root, say), and sees no other state folder. Then the
process becomes USER for good, with no capability and no way to gain one, and runs PROGRAM. Standard library only;
runs as root for a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 4096
MS_REC, MS_PRIVATE = 1 << 14, 1 << 18
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


def check(result: int, what: str) -> None:
    """Raise the ``OSError`` of a failed system call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def bind(source: str, target: str, *, read_only: bool) -> None:
    """Show the folder ``source`` at ``target`` too, in this mount namespace only."""
    check(
        libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None),
        f"bind {source} at {target}",
    )
    flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | (MS_RDONLY if read_only else 0)
    check(libc.mount(None, os.fsencode(target), None, flags, None), f"remount {target}")


def enter_view(binds: list[str]) -> None:
    """Move into a new mount namespace with ``SOURCE=TARGET[:ro]`` bound. Raises ``OSError``."""
    check(libc.unshare(CLONE_NEWNS), "unshare the mount namespace")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    for item in binds:
        source, _, target = item.partition("=")
        bind(source, target.removesuffix(":ro"), read_only=target.endswith(":ro"))


def become(user: pwd.struct_passwd) -> None:
    """Give up root, every group and every capability."""
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs")
    # Asked for after the change of user, which clears it: no service outlives its supervisor.
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0), "set the parent-death signal")


def main(arguments: list[str]) -> None:
    """Entry point; does not return when all goes well."""
    split = arguments.index("--")
    name, *binds = arguments[:split]
    command = arguments[split + 1 :]
    parent = os.getppid()
    os.umask(0o077)
    if binds:
        enter_view(binds)
        os.chdir(binds[0].partition("=")[2].removesuffix(":ro"))
    become(pwd.getpwnam(name))
    if os.getppid() != parent:
        sys.exit("drop: the supervisor has ended meanwhile")
    os.execv(command[0], command)  # noqa: S606 - the supervisor's own command line


if __name__ == "__main__":
    main(sys.argv[1:])
