"""The first command of a warm sandbox, run before anybody waits for it."""

from __future__ import annotations

import asyncio
import logging
import uuid

from sandboxcore.server.dataplane.commands import DEFAULT_SHELL, FALLBACK_SHELL
from sandboxcore.server.dataplane.shim_client import ShimUnreachableError, connected

log = logging.getLogger("sandboxd.rehearsal")
PATIENCE_SECONDS = 5.0
_NOTHING = "true"


async def rehearse(shim_socket: str) -> None:
    """Run nothing once, and leave no trace of it.

    A sandbox's first command takes nearly twice as long as its next: shim and PID 1 touch each page that they share
    with the host for the first time, and the kernel looks up the shell and its libraries in a file system that is new.
    A failure is no harm; whoever claims the sandbox will see one of his own.
    """
    message = {
        "op": "start",
        "command_id": str(uuid.uuid4()),
        "candidates": [[DEFAULT_SHELL, "-c", _NOTHING], [FALLBACK_SHELL, "-c", _NOTHING]],
        "timeout": PATIENCE_SECONDS,
        "idle_timeout": PATIENCE_SECONDS,
        "kill_on_disconnect": True,
        "ttl": 0,
    }
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), connected(shim_socket) as shim:
            await shim.send(message)
            while (await shim.receive_control()).get("type") not in ("exit", "error"):
                continue
    except (ShimUnreachableError, TimeoutError) as error:
        log.debug("a warm sandbox's first command: %r", error)
