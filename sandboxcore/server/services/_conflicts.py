"""Turning a database's refusal of a duplicate into the API's answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sandboxcore.server.db.models import IS_WANTED, Pool, Sandbox, Volume
from sandboxcore.server.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncSession


@contextmanager
def unique_name(what: str, name: str) -> Iterator[None]:
    """Raise ``ConflictError`` where the block writes a name that another has already."""
    try:
        yield
    except IntegrityError as error:
        if "name" not in str(error.orig):
            raise
        raise name_taken(what, name) from None


async def refuse_taken(
    session: AsyncSession,
    model: type[Sandbox | Volume | Pool],
    workspace_id: str,
    name: str | None,
    *,
    but: str = "",
) -> None:
    """Raise ``ConflictError`` where the workspace has one of this name already, other than the one of id ``but``."""
    query = select(model.id).where(model.workspace_id == workspace_id, model.name == name, model.id != but)
    if model is Sandbox:
        query = query.where(IS_WANTED)
    if name is not None and await session.scalar(query) is not None:
        raise name_taken(model.__name__.lower(), name)


def name_taken(what: str, name: str) -> ConflictError:
    """The answer for a name that is taken."""
    where = "" if what == "workspace" else " in this workspace"
    return ConflictError("AlreadyExists", f"there is already a {what} '{name}'{where}")
