"""What happens when the server that runs the console starts and stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from dashboard.lists.runner import RUNNER
from dashboard.live.hub import HUB
from dashboard.recordings.supervisor import SUPERVISOR
from dashboard.teams.api import close_clients

if TYPE_CHECKING:
    from collections.abc import Callable


class Lifespan:
    """ASGI's lifespan protocol: refuse to start half-configured, close the API's clients at the end."""

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Serve one lifespan."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                started = _started()
                if started["type"] == "lifespan.startup.complete":
                    SUPERVISOR.start()
                await send(started)
            else:
                await SUPERVISOR.close()
                await HUB.close()
                await RUNNER.close()
                await close_clients()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _started() -> dict[str, str]:
    if not settings.SECRET_KEY_FILE.exists():
        return {
            "type": "lifespan.startup.failed",
            "message": f"There is no secret key in {settings.SECRET_KEY_FILE}: run `manage.py bootstrap` first.",
        }
    return {"type": "lifespan.startup.complete"}
