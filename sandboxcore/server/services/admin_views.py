"""Rows as the admin API shows them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sandboxcore.server.clock import iso, now
from sandboxcore.server.services.quota import Limits

if TYPE_CHECKING:
    from sandboxcore.server.db.models import AdminKey, ApiKey, Workspace


def workspace_view(workspace: Workspace) -> dict[str, Any]:
    """A workspace."""
    return {
        "id": workspace.id,
        "name": workspace.name,
        "created_at": iso(workspace.created_at),
        "deleting_at": iso(workspace.deleting_at),
        "limits": {field.name: getattr(workspace, field.name) for field in fields(Limits)},
    }


def key_view(key: ApiKey) -> dict[str, Any]:
    """A key of a workspace, without its secret."""
    return {**admin_key_view(key), "scopes": key.scopes.split(","), "acts_for_people": key.acts_for_people}


def admin_key_view(key: AdminKey | ApiKey) -> dict[str, Any]:
    """What every key has, without its secret."""
    return {
        "id": key.public_id,
        "name": key.name,
        "status": key_status(key),
        "created_at": iso(key.created_at),
        "created_by": key.created_by,
        "expires_at": iso(key.expires_at),
        "revoked_at": iso(key.revoked_at),
        "revoked_by": key.revoked_by,
        "last_used_at": iso(key.last_used_at),
    }


def key_status(key: AdminKey | ApiKey) -> str:
    """``living``, ``expired`` or ``revoked``."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now() else "living"
