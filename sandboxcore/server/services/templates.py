"""Templates: what sandboxes are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Pool, Sandbox, Template, TemplateMount, Volume
from sandboxcore.server.errors import ConflictError, InvalidError, NotFoundError
from sandboxcore.server.names import is_id, new_id
from sandboxcore.server.services._conflicts import unique_name
from sandboxcore.server.services.events import record
from sandboxcore.server.services.limits import WantedResources, check_mount_path, check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.db.engine import Database

WITH_MOUNTS = selectinload(Template.mounts).joinedload(TemplateMount.volume)
MAX_MOUNTS = 16


@dataclass(frozen=True, slots=True)
class WantedMount:
    """A volume by name, and where it is to appear."""

    volume_name: str
    mount_path: str


async def create_template(
    database: Database,
    *,
    actor: Caller,
    name: str,
    image: str,
    resources: WantedResources,
    mounts: Sequence[WantedMount] = (),
) -> Template:
    """A new template. Raises ``ConflictError`` (name taken) or ``InvalidError``."""
    moment = now()
    template = Template(
        id=new_id(),
        workspace_id=actor.workspace_id,
        name=check_name(name),
        image=_check_image(image),
        cpu=resources.cpu,
        memory=resources.memory,
        storage=resources.storage,
        created_at=moment,
        updated_at=moment,
        created_by=actor.actor,
    )
    with unique_name("template", name):
        async with database.write(actor.workspace_id) as session:
            template.mounts = await _mounts(session, actor, mounts)
            session.add(template)
            await record(session, template, "created", actor=actor.actor, data={"image": template.image})
    return template


async def list_templates(database: Database, *, caller: Caller) -> Sequence[Template]:
    """Every template of the workspace, oldest first."""
    query = (
        select(Template)
        .where(Template.workspace_id == caller.workspace_id)
        .order_by(Template.created_at, Template.id)
        .options(WITH_MOUNTS)
    )
    async with database.read() as session:
        return (await session.scalars(query)).all()


async def get_template(database: Database, *, caller: Caller, name: str) -> Template:
    """The template of this name or identifier. Raises ``NotFoundError``."""
    async with database.read() as session:
        return await find_template(session, caller, name)


async def rename_template(database: Database, *, actor: Caller, name: str, new_name: str) -> Template:
    """Give a template another name. Raises ``NotFoundError``, ``ConflictError`` or ``InvalidError``."""
    check_name(new_name)
    with unique_name("template", new_name):
        async with database.write(actor.workspace_id) as session:
            template = await find_template(session, actor, name)
            before, template.name = template.name, new_name
            template.updated_at = now()
            if before != new_name:
                await record(session, template, "renamed", actor=actor.actor, data={"before": before})
    return template


async def delete_template(database: Database, *, actor: Caller, name: str) -> None:
    """Remove a template that nothing uses. Raises ``NotFoundError`` or ``ConflictError``."""
    try:
        async with database.write(actor.workspace_id) as session:
            template = await find_template(session, actor, name)
            users = await _users(session, template.id)
            if users:
                raise ConflictError("InUse", f"template '{template.name}' is in use by {users}; delete those first")
            await session.delete(template)
            await record(session, template, "deleted", actor=actor.actor)
    except IntegrityError:
        raise ConflictError("InUse", f"template '{name}' has just come into use") from None


_IN_WORKSPACE = (
    select(Template)
    .where(Template.workspace_id == bindparam("workspace_id"))
    .options(joinedload(Template.mounts).joinedload(TemplateMount.volume))
)
_BY_NAME = _IN_WORKSPACE.where(Template.name == bindparam("name"))
_BY_NAME_OR_ID = _IN_WORKSPACE.where(or_(Template.name == bindparam("name"), Template.id == bindparam("name")))


async def find_template(session: AsyncSession, caller: Caller, name: str) -> Template:
    """The template of this name or identifier in the caller's workspace. Raises ``NotFoundError``."""
    query = _BY_NAME_OR_ID if is_id(name) else _BY_NAME
    found = await session.scalars(query, {"workspace_id": caller.workspace_id, "name": name})
    template: Template | None = found.unique().first()
    if template is None:
        raise NotFoundError("template", name)
    return template


async def _users(session: AsyncSession, template_id: str) -> str:
    """A few of the sandboxes and pools that use a template, in words; empty where nothing does."""
    sandboxes = await session.scalars(
        select(Sandbox.name)
        .where(Sandbox.template_id == template_id, Sandbox.state != "deleting", ~Sandbox.warm)
        .order_by(Sandbox.created_at)
        .limit(4)
    )
    pools = await session.scalars(select(Pool.name).where(Pool.template_id == template_id).limit(4))
    named = [f"sandbox '{name}'" for name in sandboxes] + [f"pool '{name}'" for name in pools]
    return ", ".join(named[:4]) + (" and others" if len(named) > 4 else "")


async def _mounts(session: AsyncSession, caller: Caller, wanted: Sequence[WantedMount]) -> list[TemplateMount]:
    if len(wanted) > MAX_MOUNTS:
        raise InvalidError(("body", "volume_mounts"), f"a template mounts at most {MAX_MOUNTS} volumes")
    mounts = [await _mount(session, caller, position, mount) for position, mount in enumerate(wanted)]
    paths = {mount.mount_path for mount in mounts}
    if len(paths) < len(mounts):
        raise InvalidError(("body", "volume_mounts"), "two volumes have the same mount path")
    return mounts


async def _mount(session: AsyncSession, caller: Caller, position: int, wanted: WantedMount) -> TemplateMount:
    loc = ("body", "volume_mounts", position)
    check_mount_path(wanted.mount_path, *loc, "mount_path")
    named = select(Volume).where(Volume.workspace_id == caller.workspace_id, Volume.name == wanted.volume_name)
    # Locked against being deleted at the same moment; SQLite has one writer anyway.
    volume = await session.scalar(named.with_for_update(read=True))
    if volume is None:
        raise InvalidError((*loc, "volume_name"), f"there is no volume '{wanted.volume_name[:80]}'")
    if volume.state != "ready":
        raise InvalidError((*loc, "volume_name"), f"volume '{volume.name}' is {volume.state}, not ready")
    return TemplateMount(position=position, volume=volume, mount_path=wanted.mount_path)


def _check_image(image: str) -> str:
    if not image or not image.isprintable() or any(letter.isspace() for letter in image):
        raise InvalidError(("body", "image"), "an image is named like python:3.12-slim, without spaces")
    return image
