"""Stage 0: the mounts that only root can make, in the shim's own mount namespace, before PID 1 copies it.

The shim's namespace ends up as a small tree of its own (the image, /usr, the writable layer), so neither the shim
nor PID 1 has the machine's file systems below it. All of it vanishes with the two processes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import syscalls, volume_image, volume_mount
from sandboxcore.runtimes.namespaces.layer import make_folders, mount_loop_layer
from sandboxcore.runtimes.namespaces.rootfs import Layout
from sandboxcore.runtimes.namespaces.syscalls import MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MS_NOSUID

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.plan import Plan

_VOLUMES = "/volumes"
"""A folder of it for each volume, by number."""
_FOLDERS = ("image", "usr", "layer", "devices", "proc", "sys", "merged", _VOLUMES[1:])
_BORROWED = ("devices", "proc", "sys")
"""Parts of the machine that PID 1 needs while it mounts its own, and that the shim lets go of afterwards."""
STAGED = Layout("/image", "/usr", "/layer", "/devices", {}, "/merged")


def open_stage(plan: Plan) -> None:
    """Enter a new mount namespace and prepare the folder in which the tree grows."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    # Slave, not private: what the machine unmounts later must not stay busy because of a sandbox.
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
    syscalls.mount("tmpfs", plan.stage, "tmpfs", MS_NOSUID, "mode=755,size=64k,nr_inodes=64")
    for name in (*_FOLDERS, *plan.image.links):
        (plan.stage / name).mkdir(mode=0o755)


def mount_layer(plan: Plan) -> None:
    """Mount the writable layer."""
    target = str(plan.stage / "layer")
    if plan.layer == "loop":
        mount_loop_layer(plan.layers, plan.spec.resources.storage_bytes, target, plan.ids)
    else:
        folder = make_directory_layer(plan)
        syscalls.bind(str(folder), target)


def make_directory_layer(plan: Plan) -> Path:
    """A plain folder as the layer; whoever destroys the sandbox removes it."""
    folder = plan.layers / plan.spec.id
    folder.mkdir(mode=0o711)
    make_folders(folder, plan.ids)
    return folder


def mount_image(plan: Plan, user_namespace: int) -> None:
    """Show the image and /usr, their owners as the sandbox's, and what PID 1 borrows of the machine."""
    sources = {"image": str(plan.image.tree), "usr": str(plan.image.usr)}
    sources |= {name: f"/{name}" for name in plan.image.links}
    for name, source in sources.items():
        descriptor = syscalls.clone_mount(source)
        try:
            attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
            syscalls.set_mount_attributes(descriptor, attributes, user_namespace if plan.owned_lower else None)
            syscalls.attach_mount(descriptor, plan.stage / name)
        finally:
            os.close(descriptor)
    for name, source in (("devices", "/dev"), ("proc", "/proc"), ("sys", "/sys")):
        syscalls.bind(source, plan.stage / name)


def mount_volumes(plan: Plan, user_namespace: int) -> None:
    """Show the volumes, their owners as the sandbox's: on disk its root is user 0, whichever sandbox it was."""
    for number, mount in enumerate(plan.spec.mounts):
        place = plan.stage / _VOLUMES[1:] / str(number)
        place.mkdir(mode=0o755)
        descriptor = volume_mount.attach(volume_image.path_of(plan.volumes, mount.volume_id), place)
        try:
            syscalls.set_mount_attributes(descriptor, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, user_namespace)
            syscalls.attach_mount(descriptor, place)
        finally:
            os.close(descriptor)


def enter_stage(plan: Plan) -> None:
    """Make the tree the root of this namespace; the machine's file systems are gone from it."""
    syscalls.pivot_into(plan.stage)


def return_borrowed() -> None:
    """Unmount what PID 1 no longer needs."""
    for name in _BORROWED:
        syscalls.unmount(f"/{name}")
    for place in Path(_VOLUMES).iterdir():
        syscalls.unmount(place)


def layout_of(plan: Plan) -> Layout:
    """Where PID 1 finds the parts."""
    if plan.privileged:
        links = {name: f"/{name}" for name in plan.image.links}
        volumes = tuple((mount.path, f"{_VOLUMES}/{number}") for number, mount in enumerate(plan.spec.mounts))
        return Layout(STAGED.image, STAGED.usr, STAGED.layer, STAGED.devices, links, STAGED.merged, volumes)
    return Layout(
        image=str(plan.image.tree),
        usr=str(plan.image.usr),
        layer=str(plan.layers / plan.spec.id),
        devices="/dev",
        links={name: f"/{name}" for name in plan.image.links},
        merged=str(plan.stage),
    )
