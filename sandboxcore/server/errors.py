"""Errors that become answers of the API, each with its status and stable kind.

::

    ApiError                 any answer that is not a success
    ├─ NotFoundError         404
    ├─ ConflictError         409
    ├─ InvalidError          422, names the field
    ├─ NotReadyError         400 NotReady
    ├─ QuotaExceededError    429 QuotaExceeded, names the limit
    ├─ UnavailableError      503 Unschedulable
    └─ UnreachableError      502 ConnectionError
"""

from __future__ import annotations

from typing import Any

from sandboxcore.errors import SandboxError


class ApiError(SandboxError):
    """An answer of the API that is not a success."""

    def __init__(self, status: int, kind: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """The JSON answer."""
        return {"detail": {"error": self.kind, "message": self.message}}


class NotFoundError(ApiError):
    """There is no such thing in the caller's workspace."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(404, f"{what.title()}NotFound", f"there is no {what} '{name[:80]}'")


class ConflictError(ApiError):
    """The name is taken, or the thing is in use."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(409, kind, message)


class InvalidError(ApiError):
    """A field of the request has a wrong value; ``loc`` is the path to it, such as ``("body", "name")``."""

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(422, "ValidationError", message)
        self.loc = loc

    def body(self) -> dict[str, Any]:
        """The JSON answer, in the form of failed validation."""
        return {"detail": [{"type": "value_error", "loc": list(self.loc), "msg": self.message}]}


class NotReadyError(ApiError):
    """The sandbox exists and cannot be used now."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "NotReady", message)


class QuotaExceededError(ApiError):
    """A limit of the workspace leaves no room; ``limit`` is its name, like ``cpu_millis``."""

    def __init__(self, limit: str, message: str) -> None:
        # Clients sleep by this header before they tell their user, and waiting frees nothing.
        super().__init__(429, "QuotaExceeded", message, headers={"Retry-After": "0"})
        self.limit = limit


class UnavailableError(ApiError):
    """Nothing can be started now; the message says what would mend it."""

    def __init__(self, message: str) -> None:
        super().__init__(503, "Unschedulable", message)


class UnreachableError(ApiError):
    """The sandbox should run and cannot be reached."""

    def __init__(self, message: str) -> None:
        super().__init__(502, "ConnectionError", message)
