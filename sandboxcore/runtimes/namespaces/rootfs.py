"""What a sandbox sees of file systems, mounted by PID 1 inside its own namespaces just before it moves in."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from sandboxcore.runtimes.namespaces import syscalls
from sandboxcore.runtimes.namespaces.syscalls import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, mount

TMPFS_SHARE = 4
"""The folders in memory get a quarter of it each: filled up, they must leave PID 1 room to live."""
HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
BYTES_PER_TMPFS_INODE = 8192
MAX_TERMINALS = 256
"""The kernel has some thousands for the whole machine."""
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_READ_ONLY = ("sys", "irq", "bus", "fs", "sysrq-trigger")
_HIDDEN_FILES = (
    "proc/kcore",
    "proc/keys",
    "proc/kmsg",
    "proc/kallsyms",
    "proc/kpagecount",
    "proc/kpageflags",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/timer_list",
)
_HIDDEN_FOLDERS = ("proc/acpi", "proc/asound", "proc/scsi", "proc/tty/driver", "sys/firmware", "sys/fs/bpf")
_QUIET = MS_NOSUID | MS_NODEV | MS_NOEXEC


class MountPointError(OSError):
    """A volume's place in the image is a file; the template is to blame."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of the root are, in the mount namespace that PID 1 starts with."""

    image: str
    """The image's tree, with ``root`` and ``usr`` in it."""
    usr: str
    layer: str
    devices: str
    links: dict[str, str]
    """Top folders shown read-only, and where each is."""
    merged: str
    """An empty folder, on which the root is mounted."""
    volumes: tuple[tuple[str, str], ...] = ()
    """The path of each volume inside, and where it is."""


def enter(layout: Layout, *, hostname: str, memory_bytes: int) -> None:
    """Mount everything and make it this process's root. Raises ``OSError`` that names the mount."""
    root = Path(layout.merged)
    mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    _write_names(Path(layout.layer) / "root", hostname)
    _mount_overlay(f"{_escape(layout.image)}/root", layout.layer, "root", layout.merged)
    _mount_overlay(f"{_escape(layout.image)}/usr:{_escape(layout.usr)}", layout.layer, "usr", root / "usr")
    for name, source in layout.links.items():
        syscalls.bind(source, root / name, MS_RDONLY | MS_NOSUID | MS_NODEV)
    _mount_devices(root, layout.devices, memory_bytes)
    mount("tmpfs", root / "tmp", "tmpfs", MS_NOSUID | MS_NODEV, _tmpfs_options(memory_bytes))
    _mount_kernel_views(root)
    volumes = [(path, syscalls.clone_mount(source)) for path, source in sorted(layout.volumes)]
    syscalls.pivot_into(root)
    # Only now: links of the image on the way to a mount point lead to nothing but the sandbox's own root.
    for path, volume in volumes:
        _make_mount_point(path)
        syscalls.attach_mount(volume, path)
        os.close(volume)


def _make_mount_point(path: str) -> None:
    try:
        Path(path).mkdir(mode=0o755, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise MountPointError(
            f"no volume can be mounted at {path}, because the image has a file there or on the way to it; "
            "make a template that mounts it at a folder of its own, like /data"
        ) from None


def _mount_overlay(lower: str, layer: str, name: str, target: str | Path) -> None:
    upper, work = (_escape(f"{layer}/{name}{suffix}") for suffix in ("", ".work"))
    options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr"
    mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, options)


def _escape(path: str) -> str:
    """A path as overlay's options want it."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _write_names(upper: Path, hostname: str) -> None:
    """The two files of /etc that name the sandbox, put into the layer before the overlay could have to copy them up."""
    (upper / "etc").mkdir(mode=0o755)
    (upper / "etc/hostname").write_text(f"{hostname}\n", encoding="utf-8")
    (upper / "etc/hosts").write_text(f"{HOSTS}127.0.1.1\t{hostname}\n", encoding="utf-8")


def _tmpfs_options(memory_bytes: int) -> str:
    size = memory_bytes // TMPFS_SHARE
    return f"mode=1777,size={size},nr_inodes={max(64, size // BYTES_PER_TMPFS_INODE)}"


def _mount_devices(root: Path, devices: str, memory_bytes: int) -> None:
    folder = root / "dev"
    mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k,nr_inodes=64")
    for name in _DEVICES:
        (folder / name).touch()
        syscalls.bind(f"{devices}/{name}", folder / name)
    for name in ("pts", "shm"):
        (folder / name).mkdir()
    mount(
        "devpts",
        folder / "pts",
        "devpts",
        MS_NOSUID | MS_NOEXEC,
        f"newinstance,ptmxmode=0666,mode=620,max={MAX_TERMINALS}",
    )
    mount("shm", folder / "shm", "tmpfs", _QUIET, _tmpfs_options(memory_bytes))
    for target, name in (
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ):
        (folder / name).symlink_to(target)


def _mount_kernel_views(root: Path) -> None:
    mount("proc", root / "proc", "proc", _QUIET)
    try:
        mount("sysfs", root / "sys", "sysfs", _QUIET | MS_RDONLY)
    except OSError as error:
        # In an unprivileged container the machine's own /sys is covered in part, and the kernel refuses to show more.
        if error.errno != errno.EPERM:
            raise
    for name in _READ_ONLY:
        path = root / "proc" / name
        if path.exists():
            syscalls.bind(str(path), path, _QUIET | MS_RDONLY)
    for name in _HIDDEN_FILES:
        if (root / name).exists():
            syscalls.bind(str(root / "dev/null"), root / name, MS_NOSUID | MS_NOEXEC)
    for name in _HIDDEN_FOLDERS:
        if (root / name).is_dir():
            mount("tmpfs", root / name, "tmpfs", _QUIET | MS_RDONLY, "size=0k,mode=555")


def open_null_stdio() -> None:
    """Put this root's /dev/null on the three standard descriptors."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for number in (0, 1, 2):
        os.dup2(null, number)
    if null > 2:
        os.close(null)
