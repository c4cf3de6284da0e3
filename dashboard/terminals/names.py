"""Terminals among commands: what people call them, in place of the line that starts their shell."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from dashboard.terminals.models import TerminalSession
from dashboard.terminals.shell import SHELL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboard.teams.models import Team

NAME = "Terminal"


async def terminal_names(team: Team, commands: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The names of those that are terminals among commands, given as pairs of identifier and command line."""
    found = [key for key, line in commands if line == SHELL]
    ids = {each for each in map(_uuid, found) if each}
    titled = TerminalSession.objects.filter(team=team, id__in=ids).exclude(title="").values_list("id", "title")
    titles = {str(key): title async for key, title in titled} if ids else {}
    return {key: f"{NAME}: {titles[key]}" if key in titles else NAME for key in found}


def _uuid(text: str) -> UUID | None:
    """The identifier that the console gives; programs' commands have others."""
    try:
        return UUID(text)
    except ValueError:
        return None
