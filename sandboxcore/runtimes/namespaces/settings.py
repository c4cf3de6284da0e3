"""The host's command line."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SOCKET_PATH = 107
_LONGEST_SOCKET = "sandboxes/00000000-0000-0000-0000-000000000000/shim.sock"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the host keeps things, and whom it serves."""

    state_dir: Path
    """Images, layers, volumes: what may be kept over a restart of the machine."""
    run_dir: Path
    """Sockets and records: what lives as long as the machine is up."""
    socket_uid: int
    """The user that may ask the host and the shims, beside root."""
    socket_gid: int

    @property
    def socket(self) -> Path:
        """Where the host listens."""
        return self.run_dir / "host.sock"

    @property
    def lock(self) -> Path:
        """Held by the one host of this run folder."""
        return self.run_dir / "host.lock"

    @property
    def sandboxes(self) -> Path:
        """A folder for each sandbox, with its shim's socket."""
        return self.run_dir / "sandboxes"

    @property
    def records(self) -> Path:
        """What is known of each sandbox."""
        return self.run_dir / "records"

    @property
    def stage(self) -> Path:
        """An empty folder that every sandbox mounts on, in a mount namespace of its own."""
        return self.run_dir / "stage"

    @property
    def layers(self) -> Path:
        """Writable layers."""
        return self.state_dir / "layers"

    @property
    def images(self) -> Path:
        """Prepared images."""
        return self.state_dir / "images"

    @property
    def volumes(self) -> Path:
        """Persistent volumes."""
        return self.state_dir / "volumes"

    def prepare(self) -> None:
        """Make the folders. Raises ``OSError``, ``ValueError``."""
        if len(os.fsencode(self.run_dir / _LONGEST_SOCKET)) > MAX_SOCKET_PATH:
            raise ValueError(f"the run folder's path is too long for sockets below it: {self.run_dir}")
        for folder in (self.run_dir, self.sandboxes):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in (self.records, self.stage, self.state_dir, self.layers, self.images, self.volumes):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def parse(arguments: Sequence[str], program: str) -> Settings:
    """Read the command line; ends the process with a message where it is wrong."""
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True, help="folder for images, layers and volumes")
    parser.add_argument("--run-dir", type=Path, required=True, help="folder for sockets and records")
    parser.add_argument("--socket-owner-uid", type=int, default=os.getuid(), help="user who may ask, beside root")
    parser.add_argument("--socket-owner-gid", type=int, default=os.getgid(), help="group of that user")
    found = parser.parse_args(arguments)
    return Settings(
        state_dir=found.state_dir.absolute(),
        run_dir=found.run_dir.absolute(),
        socket_uid=found.socket_owner_uid,
        socket_gid=found.socket_owner_gid,
    )
