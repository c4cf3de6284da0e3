"""``upload``, ``download``."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from sandboxcore import AsyncSandboxClient

STANDARD = "-"


def add(below: Any) -> None:
    """Add the commands about files."""
    upload = below.add_parser("upload", help="copy a file into a sandbox")
    upload.add_argument("name", help="the sandbox")
    upload.add_argument("local", help="the file here, or - for standard input")
    upload.add_argument("remote", help="its path there, below the home of the sandbox's user unless it begins with /")
    upload.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="default 600")
    upload.set_defaults(work=upload_file)

    download = below.add_parser("download", help="copy a file out of a sandbox")
    download.add_argument("name", help="the sandbox")
    download.add_argument("remote", help="the file there")
    download.add_argument("local", nargs="?", help="its path here, or - for standard output; default: its own name")
    download.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="default 600")
    download.set_defaults(work=download_file)


async def upload_file(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Copy a file into a sandbox."""
    content = _content(asked.local)
    sandbox = await client.get_sandbox(asked.name)
    await sandbox.write(asked.remote, content, timeout=asked.timeout)
    return 0


async def download_file(client: AsyncSandboxClient, asked: argparse.Namespace) -> int:
    """Copy a file out of a sandbox; a file that is here already is written over only when all has come."""
    sandbox = await client.get_sandbox(asked.name)
    content = await sandbox.read(asked.remote, timeout=asked.timeout)
    if asked.local == STANDARD:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return 0
    _keep(content, asked.local, PurePosixPath(asked.remote).name)
    return 0


def _content(local: str) -> bytes:
    return sys.stdin.buffer.read() if local == STANDARD else Path(local).read_bytes()


def _keep(content: bytes, local: str | None, name: str) -> None:
    target = Path(local or name)
    (target / name if target.is_dir() else target).write_bytes(content)
