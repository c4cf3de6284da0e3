"""``python -m dashboard``: serve the console on ``CONSOLE_HOST`` and ``CONSOLE_PORT``."""

from __future__ import annotations

import os
import sys

import uvicorn

MAX_MESSAGE = 1024 * 1024
"""Bytes of one WebSocket message from a browser; a longer one closes the socket."""


def main() -> int:
    """Serve until told to stop; returns the process's exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    # The database holds sessions: nobody else on the machine reads it.
    os.umask(0o077)
    from django.conf import settings

    uvicorn.run(
        "dashboard.asgi:application",
        host=settings.CONSOLE_HOST,
        port=settings.CONSOLE_PORT,
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=25,
        ws_ping_timeout=25,
        timeout_graceful_shutdown=5,
        server_header=False,
        access_log=False,
        log_level="info",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
