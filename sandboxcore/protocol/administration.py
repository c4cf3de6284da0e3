"""The requests of the admin API; its base URL is ``/v2/admin``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sandboxcore.protocol.calls import Call, Settlement
from sandboxcore.protocol.failures import extension_failure
from sandboxcore.protocol.settings import path_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandboxcore.errors import SandboxClientError
    from sandboxcore.protocol.failures import Action, Reply

WORKSPACES = "/workspaces"
OVERVIEW = "/overview"
ADMIN_KEYS = "/admin-keys"
KEYS = "/keys"
LIMITS = "/limits"
USAGE = "/usage"
RECONCILIATION = "/reconciliation"


def read(path: str, query: Mapping[str, str | list[str]] | None = None) -> Call:
    """Read what is at ``path``."""
    return Call("GET", path, _failure("workspace", "get"), params=query or None)


def workspace(name: str, part: str = "") -> str:
    """The path of a workspace, or of a part of it."""
    return f"{WORKSPACES}/{path_segment(name)}{part}"


def key(workspace_name: str, key_id: str, part: str = "") -> str:
    """The path of a workspace's key."""
    return workspace(workspace_name, f"{KEYS}/{path_segment(key_id)}{part}")


def admin_key(key_id: str) -> str:
    """The path of an admin key."""
    return f"{ADMIN_KEYS}/{path_segment(key_id)}"


def create_workspace(name: str, limits: Mapping[str, int | None]) -> Call:
    """Make a workspace; where an answer was lost and the name is then taken, it is the one that was made."""
    body: dict[str, Any] = {"name": name, **({"limits": dict(limits)} if limits else {})}
    settled = Settlement(409, read(workspace(name)), {"name": name})
    failure = _failure("workspace", "create")
    return Call("POST", WORKSPACES, failure, body=body, creates=True, settled=settled)


def change(path: str, resource: str, body: Mapping[str, Any]) -> Call:
    """Change what is at ``path``."""
    return Call("PATCH", path, _failure(resource, "update"), body=body)


def delete_workspace(name: str, *, force: bool) -> Call:
    """Remove a workspace; when repeated, its absence is success."""
    failure = _failure("workspace", "delete")
    params = {"force": "true"} if force else None
    return Call("DELETE", workspace(name), failure, params=params, settled=Settlement(404))


def make_key(path: str, body: Mapping[str, Any]) -> Call:
    """Make a key. Never repeated once it may have been made: its text would be lost, and the key live on unseen."""
    return Call("POST", path, _failure("key", "create"), body=body, repeatable=False)


def end_key(path: str) -> Call:
    """End a key; when repeated, its absence is success."""
    return Call("DELETE", path, _failure("key", "delete"), settled=Settlement(404))


def reconcile(*, remove_volumes: bool, timeout: float) -> Call:
    """Mend what differs now; safe to repeat."""
    params = {"remove_volumes": "true"} if remove_volumes else None
    return Call("POST", RECONCILIATION, _failure("reconciliation", "update"), params=params, timeout=timeout)


def _failure(resource: str, action: Action) -> Callable[[Reply], SandboxClientError]:
    return partial(extension_failure, extension="admin API", resource=resource, action=action)
