"""Who may look at a command's output, asked when the socket opens and again while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.sockets import CloseCode, Closing, current_user
from dashboard.teams.access import NotAllowedError, NotAMemberError, authorise

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
    user = await current_user(scope)
    if not user.is_authenticated:
        raise Closing(CloseCode.SIGNED_OUT, "You are signed out.")
    where = scope["url_route"]["kwargs"]
    try:
        access = await authorise(user, where["team"], VIEW)
    except (NotAMemberError, NotAllowedError):
        raise Closing(CloseCode.NOT_ALLOWED, "You may not look at this command.") from None
    return Grant(access, where["name"], where["command_id"])
