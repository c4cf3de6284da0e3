"""Which keys have not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_

from sandboxcore.server.clock import now

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from sandboxcore.server.db.models import AdminKey, ApiKey


def lives(table: type[AdminKey] | type[ApiKey]) -> tuple[ColumnElement[bool], ...]:
    """The conditions of a key that is neither revoked nor expired, as of now."""
    return table.revoked_at.is_(None), or_(table.expires_at.is_(None), table.expires_at > now())
