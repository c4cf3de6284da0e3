"""Who is asking, for which team, and may they: the gate of every view and socket.

A person who is not a member of a team gets "not found", so that a team's name is no secret to guess at; a
member whose role does not reach gets "not allowed" with the roles that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import resolve_url

from dashboard.teams.models import Membership, Role, Team
from dashboard.teams.permissions import allowed, roles_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest, HttpResponseBase

    from dashboard.accounts.models import User

P = ParamSpec("P")


class NotAMemberError(Http404):
    """The person is not a member of the team, or there is no such team: the two look alike."""


class NotAllowedError(PermissionDenied):
    """The person is a member, but their role does not reach. ``needed`` are the roles that do."""

    def __init__(self, access: Access, action: str) -> None:
        self.access = access
        self.action = action
        self.needed = [role.label for role in Role if role in roles_for(action)]
        super().__init__(f"{action} needs one of the roles {', '.join(self.needed)}; yours is {access.role}.")


@dataclass(frozen=True, slots=True)
class Access:
    """One person in one team: what views, actions and templates are given to ask and to act with."""

    user: User
    team: Team
    role: Role

    def can(self, action: str) -> bool:
        """Whether this person may do ``action`` in this team. Raises ``KeyError`` for an unknown action."""
        return allowed(self.role, action)


async def authorise(user: User | AnonymousUser | None, team_slug: str, action: str) -> Access:
    """Look the person up in the team and ask the table, afresh: sockets call this again every 30 s.

    Raises ``NotAMemberError`` or ``NotAllowedError``. A person who was deactivated is no member.
    """
    if user is None or not user.is_authenticated:
        raise NotAMemberError(team_slug)
    membership = (
        await Membership.objects.select_related("team", "user")
        .filter(team__slug=team_slug, user_id=user.pk, user__is_active=True)
        .afirst()
    )
    if membership is None:
        raise NotAMemberError(team_slug)
    access = Access(membership.user, membership.team, Role(membership.role))
    if not access.can(action):
        raise NotAllowedError(access, action)
    return access


def page_of(request: HttpRequest) -> str:
    """The page that the person looks at: what was asked for, or the page on which htmx asked for a part."""
    htmx = getattr(request, "htmx", None)
    return (htmx and htmx.current_url_abs_path) or request.get_full_path()


class TeamView(Protocol):
    """A view behind ``require``; ``action`` is what it asks, for the test that every URL asks something."""

    action: str

    async def __call__(self, request: HttpRequest, team: str, **kwargs: Any) -> HttpResponseBase:
        """Answer a request below ``/t/<team>/``."""


def require(
    action: str,
) -> Callable[[Callable[Concatenate[HttpRequest, Access, P], Awaitable[HttpResponseBase]]], TeamView]:
    """Let a view be reached only by those who may do ``action`` in the URL's team; hand it their ``Access``.

    The view is ``async def view(request, access, **kwargs)``. Raises ``KeyError`` at import for an unknown action.
    """
    roles_for(action)

    def decorate(
        view: Callable[Concatenate[HttpRequest, Access, P], Awaitable[HttpResponseBase]],
    ) -> TeamView:
        @wraps(view)
        async def guarded(request: HttpRequest, team: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            user = await request.auser()
            if not user.is_authenticated:
                return redirect_to_login(page_of(request), resolve_url("account_login"))
            access = await authorise(user, team, action)
            request.access = access  # type: ignore[attr-defined]  # for the error pages and the frame
            return await view(request, access, *args, **kwargs)

        guarded.action = action  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate
