"""The ``host`` image: this machine's /usr, a small /etc of its own making, and everything else empty.

Prepared once and kept. Of the machine's /etc it holds an allow-list of files that programs of /usr need to run and
that anyone may read; no accounts, names, addresses, keys or identifiers of this machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

from sandboxcore.runtimes.namespaces.plan import ImageTree

NAME = "host"
HOME = "/root"
VERSION = 1
"""Raised when the image's making changes, so that kept ones are made anew."""
MAX_COPIED = 64 << 20
"""Bytes copied from /etc at most."""

_TOP_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_COPIED = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "magic",
    "magic.mime",
    "mime.types",
    "os-release",
    "perl",
    "pki/tls/certs",
    "protocols",
    "python3",
    "python3.11",
    "python3.12",
    "python3.13",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
)
_FOLDERS = {
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "run/lock": 0o1777,
    "srv": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr": 0o755,
    "var": 0o755,
    "var/cache": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    "var/tmp": 0o1777,
}
_NOLOGIN = "/usr/sbin/nologin"
_USERS = (
    ("root", 0, 0, "root", HOME, "/bin/bash"),
    ("daemon", 1, 1, "daemon", "/usr/sbin", _NOLOGIN),
    ("bin", 2, 2, "bin", "/bin", _NOLOGIN),
    ("sys", 3, 3, "sys", "/dev", _NOLOGIN),
    ("mail", 8, 8, "mail", "/var/mail", _NOLOGIN),
    ("www-data", 33, 33, "www-data", "/var/www", _NOLOGIN),
    ("_apt", 42, 65534, "", "/nonexistent", _NOLOGIN),
    ("nobody", 65534, 65534, "nobody", "/nonexistent", _NOLOGIN),
)
_GROUPS = (
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("sys", 3),
    ("adm", 4),
    ("tty", 5),
    ("disk", 6),
    ("mail", 8),
    ("utmp", 43),
    ("shadow", 42),
    ("www-data", 33),
    ("staff", 50),
    ("users", 100),
    ("nogroup", 65534),
)
_PROFILE = """\
# Read by login shells.
[ -n "$PS1" ] && [ -n "$BASH" ] && [ -r /etc/bash.bashrc ] && . /etc/bash.bashrc
true
"""
_BASHRC = """\
# Read by interactive shells.
[ -z "$PS1" ] && return
shopt -s checkwinsize
PS1='\\u@\\h:\\w\\$ '
alias ls='ls --color=auto'
alias grep='grep --color=auto'
"""
_INPUTRC = """\
set meta-flag on
set input-meta on
set output-meta on
"\\e[1~": beginning-of-line
"\\e[4~": end-of-line
"\\e[3~": delete-char
"\\e[5~": history-search-backward
"\\e[6~": history-search-forward
"\\e[1;5C": forward-word
"\\e[1;5D": backward-word
"""


def _written() -> dict[str, tuple[str, int]]:
    """Files of /etc and the home that are the same on every machine: text and mode."""
    users = "".join(f"{n}:x:{uid}:{gid}:{g}:{home}:{shell}\n" for n, uid, gid, g, home, shell in _USERS)
    return {
        "etc/passwd": (users, 0o644),
        "etc/group": ("".join(f"{name}:x:{gid}:\n" for name, gid in _GROUPS), 0o644),
        "etc/shadow": ("".join(f"{user[0]}:*:19000:0:99999:7:::\n" for user in _USERS), 0o640),
        "etc/hostname": ("sandbox\n", 0o644),
        "etc/hosts": ("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", 0o644),
        "etc/resolv.conf": ("", 0o644),
        "etc/nsswitch.conf": ("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n", 0o644),
        "etc/profile": (_PROFILE, 0o644),
        "etc/bash.bashrc": (_BASHRC, 0o644),
        "etc/inputrc": (_INPUTRC, 0o644),
        "root/.profile": ("[ -f ~/.bashrc ] && . ~/.bashrc\n", 0o644),
        "root/.bashrc": ("[ -z \"$PS1\" ] && return\n. /etc/bash.bashrc\nexport LS_OPTIONS='--color=auto'\n", 0o644),
    }


def prepare(images: Path, machine: Path = Path("/")) -> ImageTree:
    """The image below the folder ``images``, made if this machine's /etc has changed since."""
    finished = images / f"{NAME}-{_fingerprint(machine)}"
    if not finished.exists():
        unfinished = images / f"{NAME}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        _build(unfinished, machine)
        unfinished.rename(finished)
    real = tuple(n for n in _TOP_LINKS if (machine / n).is_dir() and not (machine / n).is_symlink())
    return ImageTree(tree=finished, usr=machine / "usr", home=HOME, links=real)


def forget_others(images: Path, kept: Path) -> None:
    """Remove images that were made for an earlier state of the machine; only while no sandbox runs."""
    for other in images.glob(f"{NAME}-*"):
        if other != kept:
            shutil.rmtree(other)


def _fingerprint(machine: Path) -> str:
    digest = hashlib.sha256(f"{VERSION} {_python_link(machine)}".encode())
    for name in _COPIED:
        try:
            status = (machine / "etc" / name).stat()
        except OSError:
            continue
        digest.update(f"{name} {status.st_mtime_ns} {status.st_size}".encode())
    return digest.hexdigest()[:16]


def _build(tree: Path, machine: Path) -> None:
    root = tree / "root"
    for folder in (tree, root, tree / "usr"):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for name, mode in _FOLDERS.items():
        (root / name).mkdir()
        (root / name).chmod(mode)
    (root / "var/run").symlink_to("/run")
    (root / "var/lock").symlink_to("/run/lock")
    _link_top(root, machine)
    _copy_etc(root, machine)
    for name, (text, mode) in _written().items():
        (root / name).write_text(text, encoding="utf-8")
        (root / name).chmod(mode)
    (root / "etc/mtab").symlink_to("/proc/self/mounts")
    _add_python(tree / "usr", machine)


def _link_top(root: Path, machine: Path) -> None:
    for name in _TOP_LINKS:
        original = machine / name
        if original.is_symlink():
            (root / name).symlink_to(original.readlink())
        elif original.is_dir():
            (root / name).mkdir(mode=0o755)


def _python_link(machine: Path) -> str | None:
    """What /usr/local/bin/python must point to, or None where the machine has a ``python`` or no python3."""
    folders = ("usr/local/bin", "usr/bin", "bin")
    if any((machine / folder / "python").exists() for folder in folders):
        return None
    return next((f"/{folder}/python3" for folder in folders if (machine / folder / "python3").exists()), None)


def _add_python(usr: Path, machine: Path) -> None:
    target = _python_link(machine)
    if target is not None:
        folder = usr / "local/bin"
        for part in (usr / "local", folder):
            part.mkdir()
            part.chmod(0o755)
        (folder / "python").symlink_to(target)


def _copy_etc(root: Path, machine: Path) -> None:
    left = MAX_COPIED
    for name in _COPIED:
        source = machine / "etc" / name
        if source.is_dir() and not source.is_symlink():
            for folder, folders, files in os.walk(source):
                folders.sort()
                relative = Path(folder).relative_to(machine / "etc")
                for file in sorted(files) + [f for f in folders if (Path(folder) / f).is_symlink()]:
                    left -= _copy(Path(folder) / file, root / "etc" / relative / file, left)
        else:
            left -= _copy(source, root / "etc" / name, left)


def _copy(source: Path, target: Path, left: int) -> int:
    """Copy one link, or one file that anyone may read and that fits; returns its size."""
    try:
        status = source.lstat()
    except FileNotFoundError:
        return 0
    is_link = stat.S_ISLNK(status.st_mode)
    public = stat.S_ISREG(status.st_mode) and status.st_mode & 0o004
    if not is_link and (not public or status.st_size > left):
        return 0
    for parent in reversed(target.relative_to(target.anchor).parents):
        (Path(target.anchor) / parent).mkdir(mode=0o755, exist_ok=True)
    if is_link:
        target.symlink_to(source.readlink())
        return 0
    shutil.copyfile(source, target)
    target.chmod(0o755 if status.st_mode & 0o111 else 0o644)
    return status.st_size
