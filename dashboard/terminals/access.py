"""Who may open a terminal's socket, and whether they may type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.sockets import CloseCode, Closing, member_of
from dashboard.terminals.models import ShareLink, TerminalSession

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from dashboard.teams.models import Team


VIEW = "terminal.view"
WRITE = "terminal.write"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person may do with one shell, as of now."""

    team: Team
    actor: User
    """As whom the sandbox server is asked."""
    session: TerminalSession
    sandbox_name: str
    """As in the page's address: the sandbox may have been renamed since the shell was opened."""
    person: str
    """The same for every page of one person."""
    name: str
    may_type: bool
    """False for those who may only look."""


async def admit(scope: dict[str, Any]) -> Grant:
    """Look everything up afresh: the sign-in, the membership, the role, the shell. Raises ``Closing``.

    A socket calls this when it opens and again while it is open.
    """
    where = scope["url_route"]["kwargs"]
    if "token" in where:
        return await _admit_guest(where["token"])
    access = await member_of(scope, VIEW, "You may not use this terminal.")
    session = await TerminalSession.objects.filter(team=access.team, id=where["session_id"]).afirst()
    if session is None:
        raise Closing(CloseCode.GONE, "There is no such terminal.")
    return Grant(
        team=access.team,
        actor=access.user,
        session=session,
        sandbox_name=where["name"],
        person=f"user:{access.user.pk}",
        name=access.user.get_username(),
        may_type=access.can(WRITE),
    )


async def _admit_guest(token: str) -> Grant:
    """Whoever has a link that is still good may look. Raises ``Closing``."""
    link = await ShareLink.objects.valid(token).afirst()
    if link is None or link.created_by is None:
        raise Closing(CloseCode.EXPIRED, "This link has expired or was withdrawn.")
    return Grant(
        team=link.session.team,
        actor=link.created_by,
        session=link.session,
        sandbox_name=link.session.sandbox_name,
        person=f"link:{link.pk}",
        name=f"Guest of {link.created_by.get_username()}",
        may_type=False,
    )
