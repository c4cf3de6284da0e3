"""The shim of one sandbox of the process runtime: ``python -m sandboxcore.runtimes.process.shim_main FOLDER``.

Detaches, and exits in the foreground when the socket answers. ``FOLDER`` holds ``spec.json`` and gets ``shim.sock``,
``shim.log`` and ``shim.lock``, which is locked for as long as the sandbox lives.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import sys
from pathlib import Path

from sandboxcore.runtimes.process.spawner import ProcessSpawner
from sandboxcore.shim.server import serve

_READY = b"ready\n"


def main() -> int:
    """Start the shim; 0 once it serves."""
    folder = Path(sys.argv[1])
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(ready, "rb") as answer:
            return 0 if answer.read() == _READY else 1
    os.close(ready)
    os.setsid()
    if os.fork():
        os._exit(0)
    _detach(folder, tell)
    asyncio.run(_run(folder, tell))
    return 0


def _detach(folder: Path, tell: int) -> None:
    """Leave the caller's terminal, folder and descriptors."""
    os.chdir(folder)
    lock = os.open("shim.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open("shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(fd, target)
    for fd in range(3, 256):
        if fd not in {lock, tell}:
            _close(fd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


async def _run(folder: Path, tell: int) -> None:
    spec = json.loads((folder / "spec.json").read_text())
    spawner = ProcessSpawner(folder.name, str(folder / "home"), spec["env"])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, spawner.end)
    serving = asyncio.create_task(serve(spawner, str(folder / "shim.sock"), allowed_uids={os.getuid(), 0}))
    await asyncio.sleep(0)
    if not serving.done():
        os.write(tell, _READY)
    os.close(tell)
    try:
        await spawner.closed()
        spawner.kill_everything()
        await serving
    finally:
        spawner.kill_everything()


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
