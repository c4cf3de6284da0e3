"""From a sandbox's identifier to its shim's socket, for a caller who may use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.errors import NotFoundError, NotReadyError

if TYPE_CHECKING:
    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core

_QUERY = select(Sandbox.name, Sandbox.state, Sandbox.status_message, Sandbox.shim_socket).where(
    Sandbox.id == bindparam("id"),
    Sandbox.workspace_id == bindparam("workspace_id"),
    Sandbox.state != "deleting",
    ~Sandbox.warm,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A sandbox that is ready, and where its shim listens."""

    sandbox_id: str
    name: str
    shim_socket: str
    caller: Caller


async def find_target(core: Core, caller: Caller, sandbox_id: str, *, is_use: bool = True) -> Target:
    """The sandbox, whose use this counts as unless told otherwise. Raises ``NotFoundError`` or ``NotReadyError``."""
    caller.require("run")
    row = await core.database.fetch_one(_QUERY, {"id": sandbox_id, "workspace_id": caller.workspace_id})
    if row is None:
        raise NotFoundError("sandbox", sandbox_id)
    name, state, message, shim_socket = row.name, row.state, row.status_message, row.shim_socket
    if state != "ready" or shim_socket is None:
        why = f": {message}" if message else ""
        raise NotReadyError(f"sandbox '{name}' is not ready; its status is {state}{why}")
    if is_use:
        core.activity.touch(sandbox_id)
    return Target(sandbox_id, name, shim_socket, caller)
