"""Sandboxes that are no more: what a page of theirs leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore import PastSandbox

STOP_REASONS = {
    "deleted": "it was deleted",
    "lifetime": "its lifetime was over",
    "idle": "nothing happened in it for its idle time",
    "died": "its processes died",
    "start_failed": "it could not be started",
    "start_timeout": "its start took too long",
    "creator_gone": "whoever asked for it did not wait for it",
    "workspace_deleted": "its workspace was deleted",
}


async def last_of_name(access: Access, name: str) -> PastSandbox | None:
    """The sandbox of this name that ended last; None where the server remembers none, or does not tell."""
    found = await attempt(client_for(access.team, access.user).list_history(name=name, limit=1))
    return None if isinstance(found, Problem) or not found else found[0]


async def by_id(access: Access, sandbox_id: str) -> PastSandbox | Problem:
    """A sandbox that lives under another name, or has ended; or why nothing is known of it."""
    return await attempt(client_for(access.team, access.user).get_history(sandbox_id))


def why_ended(past: PastSandbox) -> str:
    """Why it ended, in words that follow "because"."""
    return STOP_REASONS.get(past.stop_reason or "", past.stop_reason or "its server does not say why")
