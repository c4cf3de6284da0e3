"""Volumes as the database holds them: what is wanted, and how far it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Sandbox, Template, TemplateMount, Volume
from sandboxcore.server.errors import ApiError, ConflictError, NotFoundError
from sandboxcore.server.names import is_id, new_id
from sandboxcore.server.quantity import parse_bytes
from sandboxcore.server.services import ledger, quota
from sandboxcore.server.services._conflicts import refuse_taken, unique_name
from sandboxcore.server.services._rows import writing_to
from sandboxcore.server.services.events import last_name, record, subject_of
from sandboxcore.server.services.limits import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

GONE_MARK = "~"
"""Begins the name of a volume that is being deleted, which no name that a person gives can."""


FEW = 3
"""Most names of one kind that a message tells."""
SHOWN = Volume.state != "deleting"


class ResizeRefusedError(ApiError):
    """The volume cannot have that size, or not now."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "VolumeResize", message)


async def create_volume(database: Database, *, actor: Caller, name: str, size: str, storage_class: str) -> Volume:
    """A new volume in state ``provisioning``.

    Raises ``ConflictError`` (name taken), ``InvalidError`` or ``QuotaExceededError``.
    """
    moment = now()
    volume = Volume(
        id=new_id(),
        workspace_id=actor.workspace_id,
        name=check_name(name),
        size=size,
        held_bytes=parse_bytes(size),
        storage_class=storage_class,
        state="provisioning",
        created_at=moment,
        updated_at=moment,
        created_by=actor.actor,
    )
    with unique_name("volume", name):
        async with database.write(actor.workspace_id) as session:
            asked = quota.Amount(volumes=1, storage_bytes=volume.held_bytes)
            await quota.take(session, actor.workspace_id, asked, model=Volume, name=name)
            session.add(volume)
            await record(session, volume, "created", actor=actor.actor, data={"size": size})
    return volume


async def list_volumes(database: Database, *, caller: Caller) -> Sequence[Volume]:
    """Every volume of the workspace, oldest first."""
    query = select(Volume).where(Volume.workspace_id == caller.workspace_id, SHOWN)
    async with database.read() as session:
        return (await session.scalars(query.order_by(Volume.created_at, Volume.id))).all()


async def get_volume(database: Database, *, caller: Caller, name: str) -> Volume:
    """The volume of this name or identifier. Raises ``NotFoundError``."""
    async with database.read() as session:
        return await _find(session, caller, name)


async def want_size(database: Database, *, actor: Caller, name: str, new_name: str | None, size: str) -> Volume | None:
    """Record that a volume is to grow: the volume, or None where it has that size already.

    ``new_name`` is only looked at, so that a name that is taken fails before the volume grows.
    Raises ``NotFoundError``, ``ConflictError`` (name taken), ``ResizeRefusedError`` or ``QuotaExceededError``.
    """
    async with database.write(actor.workspace_id) as session:
        volume = await _find(session, actor, name)
        await _check_free(session, volume, new_name)
        now_bytes, wanted_bytes = parse_bytes(volume.size), parse_bytes(size)
        if wanted_bytes < now_bytes:
            raise ResizeRefusedError(f"volume '{volume.name}' has {volume.size}; a volume only grows")
        if volume.state != "ready":
            raise ResizeRefusedError(f"volume '{volume.name}' is {volume.state}; it can grow when it is ready")
        if wanted_bytes == now_bytes:
            return None
        if volume.wanted_size is not None and parse_bytes(volume.wanted_size) != wanted_bytes:
            raise ResizeRefusedError(f"volume '{volume.name}' is growing to {volume.wanted_size} just now")
        await quota.take(session, actor.workspace_id, quota.Amount(storage_bytes=wanted_bytes - volume.held_bytes))
        volume.held_bytes = wanted_bytes
        if volume.wanted_size is None:
            data = {"size": volume.size, "wanted_size": size}
            await record(session, volume, "growing", actor=actor.actor, data=data)
        volume.wanted_size = size
    return volume


async def rename_volume(database: Database, *, actor: Caller, name: str, new_name: str) -> Volume:
    """Give a volume another name. Raises ``NotFoundError``, ``ConflictError`` or ``InvalidError``."""
    check_name(new_name)
    with unique_name("volume", new_name):
        async with database.write(actor.workspace_id) as session:
            volume = await _find(session, actor, name)
            before, volume.name = volume.name, new_name
            volume.updated_at = now()
            if before != new_name:
                await record(session, volume, "renamed", actor=actor.actor, data={"before": before})
    return volume


async def want_gone(database: Database, *, actor: Caller, name: str) -> str:
    """Mark a volume ``deleting``, which frees its name; its identifier. Raises ``NotFoundError``, ``ConflictError``."""
    async with database.write(actor.workspace_id) as session:
        volume = await _find(session, actor, name, locked=True)
        users = await _templates(session, volume.id)
        if users:
            raise ConflictError("InUse", f"volume '{volume.name}' is in use by {users}; delete those first")
        await _mark_deleting(session, volume, actor.actor)
    return volume.id


async def want_gone_by_system(database: Database, *, actor: str, volume_id: str) -> None:
    """Mark a volume ``deleting`` whose creator was told that there is none; one that is ready by now stays."""
    query = select(Volume).where(Volume.id == volume_id, Volume.state.in_(("provisioning", "failed")))
    async with writing_to(database, Volume, volume_id) as session:
        volume = await session.scalar(query)
        if volume is not None:
            await _mark_deleting(session, volume, actor)


async def mark_ready(database: Database, *, actor: str, volume_id: str) -> bool:
    """Record that a volume has been made, unless another server has; False when it is not wanted any more."""
    async with writing_to(database, Volume, volume_id) as session:
        volume = await _in_state(session, volume_id, "provisioning")
        if volume is not None:
            volume.state = "ready"
            await record(session, volume, "ready", actor=actor)
            await ledger.open_volume(session, volume)
            return True
        return await session.scalar(select(Volume.id).where(Volume.id == volume_id, SHOWN)) is not None


async def mark_failed(database: Database, *, actor: str, volume_id: str, message: str) -> None:
    """Record that a volume could not be made."""
    async with writing_to(database, Volume, volume_id) as session:
        volume = await _in_state(session, volume_id, "provisioning")
        if volume is not None:
            volume.state, volume.status_message, volume.held_bytes = "failed", message, 0
            await record(session, volume, "failed", actor=actor, data={"message": message})


async def settle_size(
    database: Database, *, actor: str, volume_id: str, wanted: str, message: str | None = None
) -> None:
    """Record that a volume has grown to ``wanted``, or that it has not, by ``message``, and is to no more.

    Where it is not to grow to that any more, another server has settled it, and nothing changes.
    """
    async with writing_to(database, Volume, volume_id) as session:
        volume = await _in_state(session, volume_id, "ready")
        if volume is None or volume.wanted_size is None or parse_bytes(volume.wanted_size) != parse_bytes(wanted):
            return
        volume.wanted_size = None
        if message is None:
            volume.size = wanted
        volume.held_bytes = parse_bytes(volume.size)
        if message is None:
            await ledger.open_volume(session, volume)
            await record(session, volume, "grown", actor=actor, data={"size": wanted})
        else:
            data = {"size": volume.size, "message": message}
            await record(session, volume, "grow_failed", actor=actor, data=data)


async def forget(database: Database, *, actor: str, volume_id: str) -> None:
    """Remove the row of a volume that the runtime has removed."""
    async with writing_to(database, Volume, volume_id) as session:
        volume = await _in_state(session, volume_id, "deleting")
        if volume is not None:
            subject = replace(subject_of(volume), name=await last_name(session, subject_of(volume)))
            await session.execute(delete(Volume).where(Volume.id == volume_id))
            await ledger.close(session, volume_id)
            await record(session, subject, "deleted", actor=actor)


async def load(database: Database, volume_id: str) -> Volume | None:
    """A volume of any workspace and in any state; None when it is gone."""
    async with database.read() as session:
        found: Volume | None = await session.scalar(select(Volume).where(Volume.id == volume_id))
        return found


async def mounted_in(database: Database, volume_id: str) -> str:
    """A few of the sandboxes that have a volume mounted, in words; empty where none is known."""
    mounts = TemplateMount.volume_id == volume_id
    query = select(Sandbox.name).join(TemplateMount, TemplateMount.template_id == Sandbox.template_id)
    living = query.where(mounts, Sandbox.state.in_(("provisioning", "ready"))).distinct().order_by(Sandbox.name)
    return _few("sandbox", [row.name for row in await database.fetch_all(living.limit(FEW + 1), {})])


async def _in_state(session: AsyncSession, volume_id: str, state: str) -> Volume | None:
    """The volume, which is about to change, if it is in that state."""
    volume: Volume | None = await session.scalar(
        select(Volume).where(Volume.id == volume_id, Volume.state == state).with_for_update()
    )
    if volume is not None:
        volume.updated_at = now()
    return volume


async def _mark_deleting(session: AsyncSession, volume: Volume, actor: str) -> None:
    await record(session, volume, "deleting", actor=actor)
    volume.state, volume.name, volume.updated_at = "deleting", GONE_MARK + volume.id, now()


async def _check_free(session: AsyncSession, volume: Volume, new_name: str | None) -> None:
    if new_name is None:
        return
    check_name(new_name)
    await refuse_taken(session, Volume, volume.workspace_id, new_name, but=volume.id)


async def _templates(session: AsyncSession, volume_id: str) -> str:
    """A few of the templates that mount a volume, in words; empty where none does."""
    query = select(Template.name).join(TemplateMount).where(TemplateMount.volume_id == volume_id).distinct()
    return _few("template", list(await session.scalars(query.limit(FEW + 1))))


def _few(what: str, names: list[str]) -> str:
    named = ", ".join(f"{what} '{name}'" for name in names[:FEW])
    return named + (" and others" if len(names) > FEW else "")


async def _find(session: AsyncSession, caller: Caller, name: str, *, locked: bool = False) -> Volume:
    condition = or_(Volume.name == name, Volume.id == name) if is_id(name) else Volume.name == name
    query = select(Volume).where(Volume.workspace_id == caller.workspace_id, condition, SHOWN)
    # Against a template that comes to mount it at the same moment; SQLite has one writer anyway.
    volume: Volume | None = await session.scalar(query.with_for_update() if locked else query)
    if volume is None:
        raise NotFoundError("volume", name)
    return volume
