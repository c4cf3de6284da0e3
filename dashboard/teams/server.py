"""What the sandbox server of a team says of itself: what it enforces, what is wrong, what mends it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.teams.api import client_for
from dashboard.teams.problems import problem_of
from sandboxcore import SandboxAPIError, SandboxClientError

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from dashboard.teams.models import Team
    from sandboxcore import ServerCapabilities

FRESH = 5.0
"""Seconds for which an answer is kept."""
WITHIN = 3.0
"""Seconds that a page waits for it, beside what it waits for its own questions."""
MAX_KEPT = 256


@dataclass(frozen=True, slots=True)
class ServerState:
    """What every page needs to know of the server: its capabilities, or why there are none."""

    capabilities: ServerCapabilities | None
    headline: str = ""
    problem: str = ""
    remedy: str = ""


_kept: OrderedDict[tuple[str, str], tuple[float, ServerState]] = OrderedDict()


async def server_state(team: Team, actor: User) -> ServerState:
    """The state of the team's server, at most ``FRESH`` seconds old. Never raises for a server that fails."""
    key = (team.api_endpoint, team.api_key)
    at, state = _kept.get(key, (-FRESH, None))
    if state is not None and time.monotonic() - at < FRESH:
        return state
    state = await _ask(team, actor)
    _kept[key] = (time.monotonic(), state)
    _kept.move_to_end(key)
    while len(_kept) > MAX_KEPT:
        _kept.popitem(last=False)
    return state


def known_state(team: Team) -> ServerState:
    """What was learnt last, without asking; empty where nothing was."""
    return _kept.get((team.api_endpoint, team.api_key), (0.0, ServerState(None)))[1]


def forget() -> None:
    """Drop what is kept, so that the next page asks again."""
    _kept.clear()


async def _ask(team: Team, actor: User) -> ServerState:
    try:
        async with asyncio.timeout(WITHIN):
            found = await client_for(team, actor).get_capabilities()
    except TimeoutError:
        return ServerState(
            None,
            "The sandbox server does not answer.",
            f"It was asked what it can do, and said nothing for {WITHIN:.0f} seconds.",
            "The page works again as soon as it answers.",
        )
    except SandboxAPIError:
        # A server of another make does not tell. If it is ill rather than silent, the page's own calls say so.
        return ServerState(None)
    except SandboxClientError as error:
        problem = problem_of(error)
        return ServerState(None, "The sandbox server cannot be asked.", problem.message, problem.remedy)
    if found.problem:
        return ServerState(found, "The sandbox server cannot start sandboxes.", found.problem, found.remedy or "")
    return ServerState(found)
