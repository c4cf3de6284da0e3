"""Rows as the wire protocol shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandboxcore.server.clock import iso
from sandboxcore.server.services.sandboxes import lifetimes

if TYPE_CHECKING:
    from sqlalchemy import Row

    from sandboxcore.server.activity import Activity
    from sandboxcore.server.db.models import Sandbox, Template, Volume


def template_view(template: Template) -> dict[str, Any]:
    """A template; its mounts must be loaded."""
    return {
        "id": template.id,
        "name": template.name,
        "image": template.image,
        "resources": {"cpu": template.cpu, "memory": template.memory, "storage": template.storage},
        "volume_mounts": [
            {"volume_name": mount.volume.name, "mount_path": mount.mount_path} for mount in template.mounts
        ],
        "created_at": iso(template.created_at),
        "updated_at": iso(template.updated_at),
        "created_by": template.created_by,
    }


def volume_view(volume: Volume) -> dict[str, Any]:
    """A volume."""
    return {
        "id": volume.id,
        "name": volume.name,
        "size": volume.size,
        "wanted_size": volume.wanted_size,
        "storage_class": volume.storage_class,
        "status": volume.state,
        "status_message": volume.status_message,
        "created_at": iso(volume.created_at),
        "updated_at": iso(volume.updated_at),
        "created_by": volume.created_by,
    }


def sandbox_view(sandbox: Sandbox | Row[Any], *, base_url: str, activity: Activity) -> dict[str, Any]:
    """A sandbox, as a row or as an object whose template and pool are loaded. ``base_url`` ends before ``/boxes``."""
    last_activity = activity.last(sandbox.id, sandbox.last_activity_at)
    return {
        "id": sandbox.id,
        "name": sandbox.name,
        "template_name": sandbox.template_name or "",
        "status": sandbox.state,
        "status_message": status_message(sandbox),
        "dataplane_url": f"{base_url}/boxes/{sandbox.id}/dataplane",
        "created_at": iso(sandbox.created_at),
        "updated_at": iso(sandbox.updated_at),
        "ttl_seconds": sandbox.ttl_seconds,
        "idle_ttl_seconds": sandbox.idle_ttl_seconds,
        "expires_at": iso(lifetimes(sandbox).expires_at(sandbox.created_at, last_activity)),
        "created_by": sandbox.created_by,
        "pool_name": sandbox.pool_name,
        "last_activity_at": iso(last_activity),
        "stop_reason": sandbox.stop_reason,
    }


def pool_view(pool: Row[Any]) -> dict[str, Any]:
    """A pool, as a row with its template's name and the number that are ready."""
    status = pool_status(pool)
    is_held_up = status in ("failing", "limited")
    return {
        "id": pool.id,
        "name": pool.name,
        "template_name": pool.template_name,
        "replicas": pool.replicas,
        "ready_replicas": pool.ready_replicas,
        "status": status,
        "status_message": _held_up_by(pool) if is_held_up else None,
        "failures": pool.failures,
        "retry_at": iso(pool.retry_at) if is_held_up else None,
        "created_at": iso(pool.created_at),
        "updated_at": iso(pool.updated_at),
        "created_by": pool.created_by,
    }


def pool_status(pool: Row[Any]) -> str:
    """How a pool is: ``paused``, ``ready`` (full), ``failing`` or ``limited`` (it cannot be filled), or ``filling``."""
    if pool.replicas == 0:
        return "paused"
    if pool.ready_replicas >= pool.replicas:
        return "ready"
    if pool.status_message is None:
        return "filling"
    return "limited" if pool.limited else "failing"


def _held_up_by(pool: Row[Any]) -> str:
    """Why a pool cannot be filled, and what comes next."""
    if pool.limited:
        return f"{pool.status_message}; the pool is filled as soon as there is room"
    times = "once" if pool.failures == 1 else f"{pool.failures} times in a row"
    return f"{pool.status_message} (filling failed {times}; the next try is at {iso(pool.retry_at)})"


def status_message(sandbox: Sandbox | Row[Any]) -> str | None:
    """Why a sandbox failed, with the kind of failure before it; None for one that did not."""
    if sandbox.state != "failed":
        return None
    return f"{sandbox.status_kind}: {sandbox.status_message}" if sandbox.status_kind else sandbox.status_message
