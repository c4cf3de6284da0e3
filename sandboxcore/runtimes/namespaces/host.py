"""The host: the only process of the product that runs as root, and the maker of sandboxes on this machine.

Started as ``python -I -S .../host.py --state-dir DIR --run-dir DIR``: no site packages, no environment, nothing
from the current folder. It loads all that a shim and a PID 1 will need, freezes it so that its forks share the
memory, finds what an earlier host left, and serves ``host.sock``. Without root it makes what that user can make,
and says what is lacking.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and "sandboxcore" not in sys.modules:
    # By path, wherever the clone lies, and without putting a folder on the import path from which root might then
    # import something else.
    import types

    _package = types.ModuleType("sandboxcore")
    _package.__path__ = [__file__.rpartition("/runtimes/")[0]]
    sys.modules["sandboxcore"] = _package
    # asyncio and hashlib load OpenSSL where they can and do without it where not. Nothing here needs it, and every fork
    # would carry its pages.
    sys.modules["ssl"] = sys.modules["_hashlib"] = None  # type: ignore[assignment]
    # threading and logging would mend their locks after every fork: half a millisecond and half a megabyte of its own
    # for each child. Neither this process nor any fork of it forks while it has a second thread.
    del os.register_at_fork

import encodings.ascii
import encodings.latin_1
import encodings.utf_8
import fcntl
import gc
import hashlib
import linecache
import logging
import resource
import selectors
import shutil
import signal
import time
import traceback
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import connections, probe, settings, shim_process, syscalls
from sandboxcore.runtimes.namespaces.events import Events
from sandboxcore.runtimes.namespaces.operations import Operations
from sandboxcore.runtimes.namespaces.records import Records
from sandboxcore.runtimes.namespaces.sandboxes import Sandboxes
from sandboxcore.runtimes.namespaces.volumes import Volumes

if TYPE_CHECKING:
    from pathlib import Path

    from sandboxcore.runtimes.namespaces.probe import Findings

PRELOADED = (encodings.ascii, encodings.latin_1, encodings.utf_8, linecache, shutil, traceback)
"""What the standard library would import when first needed: after the fork nothing can be imported any more."""
LOCK_PATIENCE = 5.0
"""Seconds to wait for an earlier host that is ending."""
EXIT_USAGE = 2

logger = logging.getLogger("host")


def instance_of(run_dir: Path) -> str:
    """The name of this host's control groups: the same for the same run folder, another for another's."""
    return hashlib.sha256(os.fsencode(os.path.realpath(run_dir))).hexdigest()[:12]


def take_lock(path: Path) -> int:
    """Be the one host of this run folder. Raises ``BlockingIOError`` where another is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return descriptor


def prepare_process() -> None:
    """Settle this process before anything is forked from it."""
    # Nothing of the caller's environment may reach a shim, let alone a sandbox.
    syscalls.forget_environment()
    os.umask(0o022)
    # Nor may what a program that started this one left ignored.
    syscalls.unignore_library_signals()
    # Orphans of shims, and PID 1s of shims that were killed, end up here and are reaped.
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    shim_process.rehearse()
    gc.collect()
    gc.freeze()


def reap() -> None:
    """Collect children that have ended; who waits for one watches its descriptor."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def handle_signals(events: Events) -> None:
    """SIGTERM and SIGINT end the host; SIGCHLD wakes it."""
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def woken() -> None:
        os.read(wake_read, 4096)
        reap()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: events.stop())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    events.watch(wake_read, selectors.EVENT_READ, woken)


def serve(chosen: settings.Settings) -> None:
    """Serve until told to stop."""
    events = Events()
    records = Records(chosen.records)
    volumes = Volumes(events, chosen.volumes)

    def examine() -> tuple[Findings, Sandboxes | None]:
        findings = probe.examine(chosen, instance_of(chosen.run_dir))
        for missing in findings.missing:
            logger.warning("%s", missing)
        if findings.means is None:
            return findings, None
        sandboxes = Sandboxes(events, records, chosen, findings.means)
        sandboxes.adopt_all()
        return findings, sandboxes

    operations = Operations(examine, volumes)
    handle_signals(events)
    listener = connections.Listener(
        events, chosen.socket, uid=chosen.socket_uid, gid=chosen.socket_gid, handler=operations.handle
    )
    logger.info("ready on %s", chosen.socket)
    events.run()
    listener.close()
    logger.info("ending; sandboxes go on")


def main(arguments: list[str]) -> int:
    """Entry point; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    chosen = settings.parse(arguments, "host.py")
    try:
        chosen.prepare()
        take_lock(chosen.lock)
    except BlockingIOError:
        logger.error("another host serves %s; end it first", chosen.run_dir)  # noqa: TRY400 - no trace needed
        return EXIT_USAGE
    except (OSError, ValueError) as error:
        logger.error("cannot use the folders: %s", error)  # noqa: TRY400 - no trace needed
        return EXIT_USAGE
    prepare_process()
    serve(chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
