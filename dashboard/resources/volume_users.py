"""What uses a volume: the templates that mount it and the sandboxes that have it mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.confirm import Users
from dashboard.resources.template_users import linked

if TYPE_CHECKING:
    from dashboard.teams.access import Access
    from sandboxcore.models import Volume


def templates_of(access: Access, volume: Volume) -> Users:
    """The templates that mount it."""
    users = volume.used_by
    names = users.templates if users else ()
    return Users("Templates that mount it", linked(access, "template", names), users.template_count if users else 0)


def sandboxes_of(access: Access, volume: Volume) -> Users:
    """The sandboxes that have it mounted."""
    users = volume.used_by
    names = users.sandbox_names if users else ()
    return Users("Sandboxes that have it mounted", linked(access, "sandbox", names), users.sandboxes if users else 0)
