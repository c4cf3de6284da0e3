"""The one permission table: which role may do what.

A view asks it by ``@require("sandbox.view")``, a consumer by ``authorise(user, team_slug, action)``, a template
by ``{% if access|can:"sandbox.create" %}``. An action that is not in the table is a programming error.
"""

from __future__ import annotations

from dashboard.teams.models import Role

_EVERYONE = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER})
_WHO_RUN = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER})
_WHO_MANAGE = frozenset({Role.OWNER, Role.ADMIN})

TABLE: dict[str, frozenset[Role]] = {
    "team.view": _EVERYONE,
    "team.settings": _WHO_MANAGE,
    "activity.view": _EVERYONE,
    "member.view": _EVERYONE,
    "member.manage": _WHO_MANAGE,
    "template.view": _EVERYONE,
    "template.create": _WHO_RUN,
    "template.update": _WHO_RUN,
    "template.delete": _WHO_RUN,
    "volume.view": _EVERYONE,
    "volume.create": _WHO_RUN,
    "volume.update": _WHO_RUN,
    "volume.delete": _WHO_RUN,
    "pool.view": _EVERYONE,
    "pool.create": _WHO_RUN,
    "pool.update": _WHO_RUN,
    "pool.delete": _WHO_RUN,
    "sandbox.view": _EVERYONE,
    "sandbox.create": _WHO_RUN,
    "sandbox.update": _WHO_RUN,
    "sandbox.delete": _WHO_RUN,
    "sandbox.preview": _WHO_RUN,
    "sandbox.signal": _WHO_RUN,
    "command.view": _EVERYONE,
    "command.run": _WHO_RUN,
    "command.kill": _WHO_RUN,
    "terminal.view": _EVERYONE,
    "terminal.write": _WHO_RUN,
    "terminal.share": _WHO_RUN,
    "recording.view": _EVERYONE,
    "recording.delete": _WHO_MANAGE,
}


def roles_for(action: str) -> frozenset[Role]:
    """The roles that may do ``action``. Raises ``KeyError`` for an action that the table does not know."""
    return TABLE[action]


def allowed(role: str, action: str) -> bool:
    """Whether a member of this role may do ``action``. Raises ``KeyError`` for an unknown action."""
    return role in roles_for(action)


def roles_that_may_be_given(giver: str) -> list[Role]:
    """The roles that a member of role ``giver`` may give or take away: only an owner makes owners."""
    if giver == Role.OWNER:
        return list(Role)
    return [Role.ADMIN, Role.MEMBER, Role.VIEWER] if giver == Role.ADMIN else []
