"""The one place where the API's errors become something to show: the API's own words, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sandboxcore.errors import (
    ResourceAlreadyExistsError,
    ResourceInUseError,
    ResourceNameConflictError,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxClientError,
    SandboxConnectionError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

_REMEDIES: list[tuple[type[SandboxClientError], str]] = [
    (
        SandboxConnectionError,
        "Check that the sandbox server runs and that this team's API endpoint is right; "
        "the page works again as soon as it answers.",
    ),
    (
        ResourceNotFoundError,
        "It was deleted, renamed, or came to the end of its lifetime.",
    ),
    (
        SandboxAuthenticationError,
        "The server does not accept this team's API key: run `manage.py bootstrap` with a valid one.",
    ),
]


@dataclass(frozen=True, slots=True)
class Problem:
    """A call to the API that failed, as a page shows it."""

    message: str
    remedy: str = ""
    status: int = 502
    """The HTTP status of a page that can show nothing else."""
    fields: dict[str, list[str]] = field(default_factory=dict)
    """What the API says about single fields, by the field's name in the request's body."""


def problem_of(error: SandboxClientError) -> Problem:
    """Describe an error of the SDK."""
    remedy = next((text for kind, text in _REMEDIES if isinstance(error, kind)), "")
    message = str(error) or type(error).__name__
    if isinstance(error, ValidationError):
        return Problem(message, remedy, 422, _by_field(error))
    if isinstance(error, ResourceAlreadyExistsError | ResourceNameConflictError):
        return Problem(message, remedy, 409, {"name": [message]})
    if isinstance(error, ResourceNotFoundError):
        return Problem(message, remedy, 404)
    if isinstance(error, ResourceInUseError):
        return Problem(message, remedy, 409)
    return Problem(message, remedy)


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    """The server's list of what is wrong, under each field's last name: ``["body", "resources", "cpu"]`` is cpu."""
    found: dict[str, list[str]] = {}
    for item in error.details:
        place = item.get("loc") or [error.field or ""]
        found.setdefault(str(place[-1]), []).append(str(item.get("msg", "")))
    if not found and error.field:
        found[error.field.rpartition(".")[2]] = [str(error)]
    return found


async def attempt(call: Awaitable[T]) -> T | Problem:
    """What the call returns, or the problem that the API had with it."""
    try:
        return await call
    except SandboxClientError as error:
        return problem_of(error)
