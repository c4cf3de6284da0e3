"""Who may look at a command's output, asked when the socket opens and again while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.sockets import member_of

if TYPE_CHECKING:
    from dashboard.teams.access import Access

VIEW = "command.view"


@dataclass(frozen=True, slots=True)
class Grant:
    """One person may look at one command of one sandbox, as of now."""

    access: Access
    sandbox_name: str
    command_id: str


async def admit(scope: dict[str, Any]) -> Grant:
    """Look up the sign-in, the membership and the role afresh. Raises ``Closing``."""
    where = scope["url_route"]["kwargs"]
    access = await member_of(scope, VIEW, "You may not look at this command.")
    return Grant(access, where["name"], where["command_id"])
