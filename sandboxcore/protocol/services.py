"""Addresses of what a program in a sandbox serves: asking for them, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxNotReadyError
from sandboxcore.fields import Fields
from sandboxcore.protocol.calls import Call
from sandboxcore.protocol.failures import Reply, control_failure
from sandboxcore.protocol.settings import path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandboxcore.errors import SandboxClientError

TOKEN_HEADER = "X-Langsmith-Sandbox-Service-Token"  # noqa: S105  # a name
MARGIN = 30.0
"""Seconds before its end that a token is exchanged for a new one, and never more than a fifth of its life."""
MAX_PORT = 65535
MAX_SECONDS = 86400


@dataclass(frozen=True)
class ServiceAddress:
    """Where a service is, and the token that opens it. ``browser_url`` holds the token too."""

    browser_url: str = field(repr=False)
    service_url: str
    token: str = field(repr=False)
    expires_at: str
    renew_at: float = field(repr=False)
    """On the clock that ``read`` was given: this machine's own, whatever the server's says."""

    @classmethod
    def read(cls, data: Mapping[str, Any], *, asked_at: float, seconds: float) -> ServiceAddress:
        """Read the server's answer to a call made at ``asked_at``. Raises ``InvalidResponseError``."""
        fields = Fields(data, "service URL")
        return cls(
            browser_url=fields.text("browser_url"),
            service_url=fields.text("service_url"),
            token=fields.text("token"),
            expires_at=fields.text("expires_at"),
            renew_at=asked_at + seconds - min(MARGIN, seconds / 5),
        )

    def url(self, path: str) -> str:
        """The address of ``path`` below the service's base."""
        return self.service_url.rstrip("/") + "/" + path.lstrip("/")

    def covers(self, url: str) -> bool:
        """Whether ``url`` is this service's, so that it may see the token."""
        return url.startswith(self.service_url.rstrip("/") + "/")


def check_service(port: int, seconds: int) -> None:
    """Raises ``ValueError`` for what no server takes."""
    for name, value, most in (("port", port, MAX_PORT), ("expires_in_seconds", seconds, MAX_SECONDS)):
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"{name} must be a whole number from 1 to {most}, not {value!r}")


def ask_service(name: str, port: int, seconds: int) -> Call:
    """Ask for addresses and a token; doing it twice only makes a token that nobody uses."""
    body = {"port": port, "expires_in_seconds": seconds}
    return Call("POST", f"/boxes/{path_segment(name)}/service-url", partial(_failure, name=name), body=body)


def _failure(reply: Reply, *, name: str) -> SandboxClientError:
    refusal = reply.refusal()
    if refusal.error_type == "NotReady":
        return SandboxNotReadyError(refusal.message)
    return control_failure(reply, resource="sandbox", action="get", name=name)
