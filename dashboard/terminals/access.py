"""Who may open a terminal's socket, and whether they may type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.sockets import CloseCode, Closing, current_user
from dashboard.teams.access import NotAllowedError, NotAMemberError, authorise
from dashboard.terminals.models import TerminalSession

if TYPE_CHECKING:
    from dashboard.teams.access import Access


VIEW = "terminal.view"
WRITE = "terminal.write"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person may do with one shell, as of now."""

    access: Access
    session: TerminalSession
    sandbox_name: str
    """As in the page's address: the sandbox may have been renamed since the shell was opened."""

    @property
    def may_type(self) -> bool:
        """False for those who may only look."""
        return self.access.can(WRITE)


async def admit(scope: dict[str, Any]) -> Grant:
    """Look everything up afresh: the sign-in, the membership, the role, the shell. Raises ``Closing``.

    A socket calls this when it opens and again while it is open.
    """
    user = await current_user(scope)
    if not user.is_authenticated:
        raise Closing(CloseCode.SIGNED_OUT, "You are signed out.")
    where = scope["url_route"]["kwargs"]
    try:
        access = await authorise(user, where["team"], VIEW)
    except (NotAMemberError, NotAllowedError):
        raise Closing(CloseCode.NOT_ALLOWED, "You may not use this terminal.") from None
    session = await TerminalSession.objects.filter(team=access.team, id=where["session_id"]).afirst()
    if session is None:
        raise Closing(CloseCode.GONE, "There is no such terminal.")
    return Grant(access, session, where["name"])
