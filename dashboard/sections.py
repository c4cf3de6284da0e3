"""The places of a team's console: what the side bar shows, the palette finds and a shortcut leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse

if TYPE_CHECKING:
    from dashboard.teams.access import Access


@dataclass(frozen=True, slots=True)
class Place:
    """One page of a team: ``url`` is its URL's name, ``permission`` who may go there, ``keys`` the shortcut."""

    key: str
    label: str
    url: str
    icon: str
    permission: str
    keys: str = ""
    words: str = ""
    """What else it may be looked for by."""

    def href(self, access: Access) -> str:
        """Its address in the team; empty where the console has no such page."""
        try:
            return reverse(self.url, kwargs={"team": access.team.slug})
        except NoReverseMatch:
            return ""


SECTIONS = (
    Place("overview", "Overview", "overview", "home", "team.view", "g o", "home start dashboard"),
    Place("sandboxes", "Sandboxes", "sandbox_list", "box", "sandbox.view", "g s", "boxes machines"),
    Place("templates", "Templates", "template_list", "template", "template.view", "g t", "images"),
    Place("volumes", "Volumes", "volume_list", "database", "volume.view", "g v", "disks storage data"),
    Place("pools", "Pools", "pool_list", "stack-2", "pool.view", "g p", "warm"),
    Place("recordings", "Recordings", "recording_list", "player-play", "recording.view", "g r", "terminal sessions"),
    Place("activity", "Activity", "activity", "activity", "activity.view", "g a", "audit log events history"),
    Place("team", "Team", "team", "users", "member.view", "g m", "members people roles"),
)

ACTIONS = (
    Place("sandbox_new", "New sandbox", "sandbox_new", "plus", "sandbox.create", "n s", "create make start"),
    Place("template_new", "New template", "template_new", "plus", "template.create", "n t", "create make"),
    Place("volume_new", "New volume", "volume_new", "plus", "volume.create", "n v", "create make"),
    Place("pool_new", "New pool", "pool_new", "plus", "pool.create", "n p", "create make"),
    Place("member_new", "Add member", "member_new", "user-plus", "member.manage", "", "invite person"),
)


def places(access: Access, found: tuple[Place, ...] = SECTIONS) -> list[tuple[Place, str]]:
    """Those of ``found`` that exist and that the person may go to, each with its address."""
    reached = ((place, place.href(access)) for place in found)
    return [(place, href) for place, href in reached if href and access.can(place.permission)]
