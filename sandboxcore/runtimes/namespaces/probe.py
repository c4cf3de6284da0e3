"""What this machine can do, found out by doing it once in a child process; each thing missing with what would mend
it."""

from __future__ import annotations

import os
import platform
import pwd
import re
import select
import shutil
import signal
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sandboxcore.runtimes.base import Capabilities, Resources, SandboxSpec
from sandboxcore.runtimes.namespaces import cgroups, image, launch, layer, ranges, seccomp, signals, syscalls, userns
from sandboxcore.runtimes.namespaces.plan import MAPPED_IDS, IdMap
from sandboxcore.runtimes.namespaces.removal import start_removal
from sandboxcore.runtimes.namespaces.sandboxes import Means

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.runtimes.namespaces.plan import ImageTree, LayerKind
    from sandboxcore.runtimes.namespaces.settings import Settings

TRIAL_TIMEOUT = 20.0
TRIAL_SIZE = 16 << 20
"""Bytes of the layer that is tried, and of its sandbox's memory."""
MAX_WORDS = 2048


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that this machine does not offer."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}"


def attempt(action: Callable[[], None]) -> str | None:
    """Do something in a child process that goes away with all it made: None, or what went wrong."""
    words_read, words_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _run(action, words_write)
    os.close(words_write)
    try:
        ready, _, _ = select.select([words_read], [], [], TRIAL_TIMEOUT)
        words = os.read(words_read, MAX_WORDS) if ready else b"it did not finish in time"
    finally:
        os.close(words_read)
        # It has said what it has to say, or never will.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return words.decode(errors="replace") if words != b"ok" else None


def _run(action: Callable[[], None], words: int) -> NoReturn:
    text = "ok"
    try:
        signals.reset_but_pipe()
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
        action()
    except (OSError, launch.LaunchError) as error:
        text = str(error)
    finally:
        os.write(words, text.encode()[:MAX_WORDS])
        os._exit(0)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the machine offers, or why it offers nothing."""

    means: Means | None
    missing: tuple[Missing, ...]
    """With ``means``: what is not enforced. Without: why nothing can be isolated."""

    def capabilities(self) -> Capabilities:
        """The contract's record. Only with ``means``."""
        assert self.means is not None  # noqa: S101 - callers ask first
        groups = self.means.groups
        held = groups.controllers if groups else frozenset()
        return Capabilities(
            runtime="namespaces",
            isolated=True,
            cpu_limit="cpu" in held,
            memory_limit="memory" in held,
            pids_limit="pids" in held,
            storage_limit=self.means.layer == "loop",
            network="none",
            volumes=self.means.volumes,
            images=(image.NAME,),
            notes=tuple(str(item) for item in self.missing),
            storage_class="ext4" if self.means.volumes else None,
            volumes_shared=self.means.volumes,
        )


def examine(settings: Settings, instance: str) -> Findings:
    """Find out everything, by trial. Takes some tens of milliseconds."""
    if platform.machine() not in seccomp.ARCHITECTURES:
        known = " and ".join(seccomp.ARCHITECTURES)
        text = f"There is no system call filter for {platform.machine()}."
        return Findings(None, (Missing(text, f"Use a machine of type {known}."),))
    privileged = os.geteuid() == 0
    tree = image.prepare(settings.images)
    missing: list[Missing] = []
    groups = cgroups.detect(instance) if privileged else None
    missing += _missing_controllers(privileged, groups.controllers if groups else frozenset())
    ids = None if privileged else own_ids(missing)
    kind = _layer_kind(settings, missing) if privileged else _plain_layer(missing)
    owned = privileged and _owned_lower(tree, missing)
    means = Means(
        privileged=privileged,
        image=tree,
        layer=kind,
        owned_lower=owned,
        groups=groups,
        ranges=ranges.Ranges() if privileged else None,
        ids=ids,
        volumes=_volumes(settings, kind, missing),
    )
    failure = attempt(lambda: _try_sandbox(settings, means))
    if failure is not None:
        return Findings(None, (explain(failure),))
    return Findings(means, tuple(missing))


def _missing_controllers(privileged: bool, held: frozenset[str]) -> list[Missing]:
    names = {"cpu": "Processor time", "memory": "Memory", "pids": "The number of processes"}
    lost = [name for name in cgroups.CONTROLLERS if name not in held]
    if not lost:
        return []
    what = ", ".join(names[name] for name in lost).capitalize()
    weaker = (
        "; memory of each process and the number of processes of this user are, by rlimits" if "memory" in lost else ""
    )
    remedy = (
        f"Mount the control groups {', '.join(lost)} writable (in a container: --privileged or -v /sys/fs/cgroup)."
        if privileged
        else "Start the host as root to limit them by control groups."
    )
    return [Missing(f"{what} of a sandbox: not limited as a whole{weaker}.", remedy)]


def own_ids(missing: list[Missing]) -> IdMap:
    """What the unprivileged user may map: a range of subordinate ids, or itself alone."""
    name = pwd.getpwuid(os.getuid()).pw_name if _is_known_user() else ""
    uids, gids = (_subordinate(Path(file), name) for file in ("/etc/subuid", "/etc/subgid"))
    if uids is not None and uids == gids and shutil.which("newuidmap") and shutil.which("newgidmap"):
        missing.append(
            Missing(
                "All sandboxes run under the same user ids.",
                "Start the host as root to give each sandbox a range of its own.",
            )
        )
        return IdMap("subordinate", *uids)
    missing.append(
        Missing(
            "A sandbox has one user only, the one who started the host: chown, package managers and su fail inside.",
            "Start the host as root, or give this user 65,536 ids in /etc/subuid and /etc/subgid and install uidmap.",
        )
    )
    return IdMap("single", os.getuid(), 1)


def _is_known_user() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


def _subordinate(file: Path, name: str) -> tuple[int, int] | None:
    """The first id and the count, at most ``MAPPED_IDS``, that ``name`` has in /etc/subuid or /etc/subgid."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        owner, _, rest = line.partition(":")
        first, _, count = rest.partition(":")
        if name and owner == name and first.isdigit() and count.isdigit():
            return int(first), min(int(count), MAPPED_IDS)
    return None


def _layer_kind(settings: Settings, missing: list[Missing]) -> LayerKind:
    failure = attempt(lambda: _try_loop(settings))
    if failure is None:
        return "loop"
    if shutil.which("mkfs.ext4", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        remedy = "Install e2fsprogs."
    else:
        remedy = (
            "Give the host loop devices (in a container: --device /dev/loop-control and the right to mknod /dev/loop*)."
        )
    missing.append(Missing(f"Storage of a sandbox is not limited ({failure}).", remedy))
    return "directory"


def _plain_layer(missing: list[Missing]) -> LayerKind:
    missing.append(
        Missing("Storage of a sandbox is not limited.", "Start the host as root to give each a file system of its own.")
    )
    return "directory"


def _try_loop(settings: Settings) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
    layer.mount_loop_layer(settings.layers, TRIAL_SIZE, str(settings.stage), ranges.ids_of(0))


def _owned_lower(tree: ImageTree, missing: list[Missing]) -> bool:
    failure = attempt(lambda: _try_idmap(tree))
    if failure is None:
        return True
    missing.append(
        Missing(
            f"Files of the image show up as nobody's ({failure}): programs run; changing the system inside may fail.",
            "Keep /usr and the state folder on ext4, xfs or btrfs, with Linux 5.19 or later.",
        )
    )
    return False


def _volumes(settings: Settings, kind: LayerKind, missing: list[Missing]) -> bool:
    """Whether volumes work: what lacks for loop devices has been said with the layer's kind."""
    if kind != "loop":
        missing.append(Missing("There are no volumes.", "Start the host as root, with loop devices, to have them."))
        return False
    failure = attempt(lambda: _try_volume(settings))
    if failure is not None:
        missing.append(Missing(f"There are no volumes ({failure}).", "They need idmapped mounts: Linux 5.12 or later."))
    return failure is None


def _try_volume(settings: Settings) -> None:
    _try_loop(settings)
    _show_through_ids((str(settings.stage),), 0)


def _try_idmap(tree: ImageTree) -> None:
    _show_through_ids((str(tree.tree), str(tree.usr)), syscalls.MOUNT_ATTR_RDONLY)


def _show_through_ids(paths: tuple[str, ...], attributes: int) -> None:
    entered_read, entered_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _hold_namespace(entered_write)
    os.close(entered_write)
    try:
        if not os.read(entered_read, 1):
            raise OSError("user namespaces are refused")
        userns.write_maps(pid, ranges.ids_of(0))
        namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        for path in paths:
            syscalls.set_mount_attributes(syscalls.clone_mount(path), attributes, namespace)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _hold_namespace(entered: int) -> NoReturn:
    """Enter a user namespace, say so, and stay until killed; end without a word where it is refused."""
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        os.write(entered, b"u")
        signal.pause()
    finally:
        os._exit(1)


def _try_sandbox(settings: Settings, means: Means) -> None:
    """Make a whole sandbox, without commands, and let it go."""
    resources = Resources(cpu_millis=1000, memory_bytes=TRIAL_SIZE, storage_bytes=TRIAL_SIZE)
    spec = SandboxSpec(id=str(uuid.uuid4()), image=image.NAME, resources=resources, hostname="trial")
    plan = means.plan(settings, spec, means.ids or ranges.ids_of(0), group=None)
    try:
        launched = launch.launch(plan)
        launch.wait_ready(launched)
        launched.channel.close()
        os.waitpid(launched.pid, 0)
    finally:
        folder = settings.layers / spec.id
        if folder.exists():
            os.waitpid(start_removal(folder, plan.ids), 0)


_USER_NAMESPACES = (
    f"unshare {syscalls.CLONE_NEWUSER:#x}",
    f"clone {syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWPID:#x}",
)


def explain(failure: str) -> Missing:
    """What a failed trial means, and what mends it."""
    failure = re.sub(r"^\[Errno \d+\] ", "", failure)
    what = f"Nothing can be isolated here: {failure}."
    if failure.startswith(_USER_NAMESPACES) and "No space" in failure:
        return Missing(what, "User namespaces are switched off: sysctl -w user.max_user_namespaces=15000.")
    if failure.startswith(_USER_NAMESPACES):
        return Missing(
            what,
            "Allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 (Debian), "
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), "
            "or in a container --security-opt seccomp=unconfined.",
        )
    if failure.startswith("mount proc"):
        return Missing(
            what, "Parts of /proc are covered: start the container with --security-opt systempaths=unconfined."
        )
    if failure.startswith("mount overlay"):
        return Missing(
            what, "Overlay file systems in user namespaces need Linux 5.11 and the module: modprobe overlay."
        )
    if failure.startswith("new") and "failed" in failure:
        return Missing(what, "Correct /etc/subuid and /etc/subgid, or remove this user's lines there.")
    return Missing(
        what, "Start the host as root on Linux 5.12 or later, outside of a container or in a privileged one."
    )
