"""From a server's refusal to the error that the SDK raises, one function for each family of requests.

The server says ``{"detail": {"error": TYPE, "message": TEXT}}``, or for a value that it refuses
``{"detail": [{"type", "loc", "msg"}]}``. What stands between us and the server (a proxy, a load balancer) may answer
too, with a body of another kind: such a reply has neither ``error_type`` nor ``explained``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandboxcore.errors import (
    CommandTimeoutError,
    ExtensionUnsupportedError,
    QuotaExceededError,
    ResourceAlreadyExistsError,
    ResourceCreationError,
    ResourceInUseError,
    ResourceNameConflictError,
    ResourceNotFoundError,
    ResourceTimeoutError,
    SandboxAPIError,
    SandboxAuthenticationError,
    SandboxClientError,
    SandboxConnectionError,
    SandboxNotReadyError,
    SandboxOperationError,
    StreamingUnsupportedError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Resource = Literal["volume", "template", "pool", "sandbox"]
Action = Literal["create", "get", "list", "update", "delete"]
Operation = Literal["command", "read", "write"]

GATEWAY_STATUSES = frozenset({502, 503, 504})
NOT_FOUND = "NotFound"
"""How our server ends the kind of a thing that is not there; alone it is an address that it does not have."""
GONE = "SandboxNotFound"
"""How our server tells a sandbox that is gone from an address that it does not have."""
MAX_MESSAGE = 2000
"""Most characters of a server's message that an error repeats."""

_NEEDED_BY_CREATE: dict[Resource, Resource] = {"sandbox": "template", "pool": "template", "template": "volume"}
"""What is missing when creating answers 404."""

_BY_TYPE: dict[str | None, type[CommandTimeoutError | SandboxNotReadyError]] = {
    "CommandTimeout": CommandTimeoutError,
    "NotReady": SandboxNotReadyError,
}
"""What the data plane may say of any operation."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Header names are lower case."""

    status: int
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """True if the request did what it was for."""
        return 200 <= self.status < 300

    def refusal(self) -> Refusal:
        """What the server says about why not."""
        return Refusal.parse(self.status, self.content)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request failed, in the server's words where it gave any."""

    status: int
    message: str
    error_type: str | None = None
    details: tuple[dict[str, Any], ...] = ()
    explained: bool = False
    """True if the API itself answered, rather than something on the way to it."""

    @classmethod
    def parse(cls, status: int, content: bytes) -> Refusal:
        """Read an error's body, whatever it is; never raises."""
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        detail = body.get("detail") if isinstance(body, dict) else None
        fallback = f"the server answered HTTP {status}"
        if isinstance(detail, dict):
            kind = detail.get("error")
            message = detail.get("message")
            return cls(
                status,
                _short(message) if isinstance(message, str) and message else fallback,
                kind if isinstance(kind, str) else None,
                explained=True,
            )
        if isinstance(detail, list):
            details = tuple(each for each in detail if isinstance(each, dict))
            message = "; ".join(str(each.get("msg", "invalid value")) for each in details)
            return cls(status, _short(message) or fallback, None, details, explained=True)
        if isinstance(detail, str) and detail:
            return cls(status, _short(detail), explained=True)
        return cls(status, fallback)

    @property
    def field(self) -> str | None:
        """The field that the first detail is about."""
        location = self.details[0].get("loc") if self.details else None
        return str(location[-1]) if isinstance(location, list) and location else None


def quota_type(message: str) -> str | None:
    """Which limit a 429 is about: ``sandbox_count``, ``cpu``, ``memory``, ``volume_count``, ``storage`` or None."""
    text = message.lower()
    counted = "count" in text or "limit" in text
    if "sandbox" in text and counted:
        return "sandbox_count"
    if "cpu" in text or "memory" in text:
        return "cpu" if "cpu" in text else "memory"
    if "volume" in text and counted:
        return "volume_count"
    return "storage" if "storage" in text else None


def control_failure(reply: Reply, *, resource: Resource, action: Action, name: str = "") -> SandboxClientError:
    """The error for a failed request of the control plane."""
    refusal = reply.refusal()
    match refusal.status:
        case 404:
            return _missing(refusal, resource, action, name)
        case 409:
            return _conflict(refusal, resource, action)
        case 400 | 422:
            return _refused_value(refusal, resource, action)
        case 408 | 504 if refusal.explained and action in {"create", "update"}:
            return ResourceTimeoutError(refusal.message, resource_type=resource)
        case 503 if refusal.explained and action == "create":
            return _not_provisioned(refusal, resource)
        case _:
            return _general(refusal)


def extension_failure(reply: Reply, *, extension: str, resource: str, action: Action) -> SandboxClientError:
    """The error for a failed request of an extension, which other servers of the API do not have."""
    refusal = reply.refusal()
    kind = refusal.error_type or ""
    match refusal.status:
        case 404 if kind.endswith(NOT_FOUND) and kind != NOT_FOUND:
            return ResourceNotFoundError(refusal.message, resource_type=kind.removesuffix(NOT_FOUND).lower())
        case 404 | 405:
            return ExtensionUnsupportedError(
                f"the server has no {extension} (HTTP {refusal.status})", extension=extension
            )
        case 409:
            return _conflict(refusal, resource, action)
        case 400:
            return ValidationError(refusal.message, refusal.field, list(refusal.details), refusal.error_type)
        case _:
            return _general(refusal)


def kill_failure(reply: Reply, **about: Any) -> SandboxClientError:
    """The error for a failed order to end a command; ``about`` is what ``extension_failure`` takes."""
    refusal = reply.refusal()
    if refusal.status == 409:
        return SandboxOperationError(refusal.message, operation="command", error_type=refusal.error_type)
    return extension_failure(reply, **about)


def looking_failure(reply: Reply, *, extension: str) -> SandboxClientError:
    """The error for a failed look into a sandbox, which other servers of the API do not have."""
    refusal = reply.refusal()
    if refusal.error_type in _BY_TYPE:
        return _BY_TYPE[refusal.error_type](refusal.message)
    if refusal.status == 400 and refusal.error_type:
        return SandboxOperationError(refusal.message, operation="read", error_type=refusal.error_type)
    return extension_failure(reply, extension=extension, resource="sandbox", action="get")


def operation_failure(reply: Reply, *, operation: Operation, sandbox: str, path: str = "") -> SandboxClientError:
    """The error for a failed request of a sandbox's data plane."""
    refusal = reply.refusal()
    kind, message = refusal.error_type, refusal.message
    if kind in _BY_TYPE:
        return _BY_TYPE[kind](message)
    if refusal.status == 404 and (operation == "command" or kind == GONE):
        return ResourceNotFoundError(message, resource_type="sandbox")
    if refusal.status == 404 or kind == "FileNotFound":
        return ResourceNotFoundError(f"File '{path}' not found in sandbox '{sandbox}'", resource_type="file")
    if refusal.status == 403:
        return SandboxOperationError(message, operation=operation, error_type="PermissionDenied")
    if refusal.status in GATEWAY_STATUSES | {401, 429} or not kind:
        return _general(refusal)
    return SandboxOperationError(message, operation=operation, error_type=kind)


def upgrade_failure(reply: Reply, *, sandbox: str, purpose: str = "commands") -> SandboxClientError:
    """The error for a WebSocket upgrade that was refused; ``purpose`` is what it was for.

    ``StreamingUnsupportedError`` means that the address has no WebSocket, so that HTTP may be tried; a plain
    ``SandboxConnectionError`` that trying again may help.
    """
    refusal = reply.refusal()
    if refusal.status in {401, 403}:
        return SandboxAuthenticationError(refusal.message)
    if refusal.status in GATEWAY_STATUSES or refusal.status in {429, 500}:
        return SandboxConnectionError(f"the WebSocket upgrade was refused: {refusal.message}")
    if refusal.error_type and (refusal.status != 404 or refusal.error_type == GONE):
        return operation_failure(reply, operation="command", sandbox=sandbox)
    if purpose != "commands":
        return StreamingUnsupportedError(f"the server has no {purpose} here (HTTP {refusal.status} on the upgrade)")
    return StreamingUnsupportedError(
        f"the server has no WebSocket for commands here (HTTP {refusal.status} on the upgrade); "
        "without one, use run() without wait=False, callbacks and a terminal"
    )


def stream_failure(
    error_type: str, message: str, *, command_id: str | None, timeout: float | None = None
) -> SandboxClientError:
    """The error for an ``error`` message in a command's stream; ``command_id`` is None until that has started."""
    message = _short(message)
    if error_type == "CommandTimeout":
        return CommandTimeoutError(message, timeout=timeout)
    if error_type in _BY_TYPE:
        return _BY_TYPE[error_type](message)
    if command_id is None:
        return SandboxOperationError(message, operation="command", error_type=error_type)
    words = {"CommandNotFound": "Command not found", "SessionExpired": "Session expired"}
    text = f"{words[error_type]}: {command_id}" if error_type in words else message
    operation = "reconnect" if error_type in words else "command"
    return SandboxOperationError(text, operation=operation, error_type=error_type)


def _missing(refusal: Refusal, resource: Resource, action: Action, name: str) -> SandboxClientError:
    needed = _NEEDED_BY_CREATE.get(resource)
    if action == "create" and needed and refusal.explained:
        return ResourceNotFoundError(refusal.message, resource_type=needed)
    if action in {"create", "list"}:
        return SandboxAPIError("there is no sandbox API at this address (HTTP 404); check api_endpoint")
    return ResourceNotFoundError(f"{resource.title()} '{name}' not found", resource_type=resource)


def _conflict(refusal: Refusal, resource: str, action: Action) -> SandboxClientError:
    if action == "delete":
        return ResourceInUseError(refusal.message, resource_type=resource)
    if action == "update":
        return ResourceNameConflictError(refusal.message, resource_type=resource)
    return ResourceAlreadyExistsError(refusal.message, resource_type=resource)


def _refused_value(refusal: Refusal, resource: Resource, action: Action) -> SandboxClientError:
    kind = refusal.error_type
    if kind == "TemplateNotFound":
        return ResourceNotFoundError(refusal.message, resource_type="template")
    if resource == "volume" and action == "update" and refusal.status == 400:
        return ValidationError(refusal.message, error_type="VolumeResize")
    creating = resource == "sandbox" and action == "create" and refusal.status == 422
    if creating and not refusal.details and kind != "ValidationError":
        return ResourceCreationError(refusal.message, resource_type=resource, error_type=kind)
    return ValidationError(refusal.message, refusal.field, list(refusal.details), kind)


def _not_provisioned(refusal: Refusal, resource: Resource) -> SandboxClientError:
    usual = {"volume": "VolumeProvisioning", "sandbox": "Unschedulable"}.get(resource)
    return ResourceCreationError(refusal.message, resource_type=resource, error_type=refusal.error_type or usual)


def _general(refusal: Refusal) -> SandboxClientError:
    match refusal.status:
        case 401 | 403:
            return SandboxAuthenticationError(refusal.message)
        case 422:
            return ValidationError(refusal.message, refusal.field, list(refusal.details), refusal.error_type)
        case 429:
            return QuotaExceededError(refusal.message, quota_type=quota_type(refusal.message))
        case 500:
            return SandboxAPIError(refusal.message)
        case status if status in GATEWAY_STATUSES:
            return SandboxConnectionError(refusal.message)
        case _:
            return SandboxClientError(refusal.message)


def _short(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…"
