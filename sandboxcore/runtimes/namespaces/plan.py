"""The records that one sandbox is made from: written by the host, read by the shim and PID 1 that it forks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from sandboxcore.runtimes.base import SandboxSpec
    from sandboxcore.runtimes.namespaces.cgroups import Group

RANGE_SIZE = 65536
MAPPED_IDS = RANGE_SIZE - 1
"""Ids of a range that exist inside; the last one is the shim's and means nobody there."""

LayerKind = Literal["loop", "directory"]


class PlanError(Exception):
    """A sandbox cannot be made as asked; ``kind`` is the runtime contract's word for why."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class IdMap:
    """Which users of the machine the sandbox's users are."""

    kind: Literal["range", "subordinate", "single"]
    """Written by root; by newuidmap and newgidmap; the caller alone."""
    base: int
    """First id of the range. For ``single``, the caller's own."""
    count: int

    @property
    def shim_id(self) -> int:
        """Whom the shim runs as: an id of the range that is not mapped inside."""
        return self.base + MAPPED_IDS if self.kind == "range" else self.base


@dataclass(frozen=True, slots=True)
class ImageTree:
    """An image as folders of this machine: ``tree/root`` is the root, ``tree/usr`` lies over ``usr``."""

    tree: Path
    usr: Path
    home: str
    links: tuple[str, ...]
    """Top folders that this machine keeps beside /usr (``lib64``, say), and that are shown read-only."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the shim's process needs to make its sandbox."""

    spec: SandboxSpec
    image: ImageTree
    ids: IdMap
    directory: Path
    """The sandbox's folder below the run folder."""
    stage: Path
    """An empty folder to mount on, in a mount namespace of its own."""
    layers: Path
    """Where writable layers and their prepared images lie."""
    layer: LayerKind
    volumes: Path
    """Where the images of volumes lie."""
    privileged: bool
    owned_lower: bool
    """Whether the image's owners can be shown as the sandbox's (idmapped mounts)."""
    group: Group | None
    socket_uid: int
    socket_gid: int
