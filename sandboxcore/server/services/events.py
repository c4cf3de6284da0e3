"""What happened in a workspace, in the order in which it was committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import update

from sandboxcore.server.clock import now
from sandboxcore.server.db.models import Event, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from sandboxcore.server.db.models import ApiKey, Pool, Sandbox, Template, Volume

    Subject = Sandbox | Template | Volume | Pool | ApiKey | Workspace

KINDS = {"ApiKey": "key"}
"""What a row's kind is called where it is not its class's name."""
NAME_LENGTH = 63


async def record(
    session: AsyncSession, subject: Subject, what: str, *, actor: str, data: Mapping[str, Any] | None = None
) -> None:
    """Record that ``what`` happened to a row, in the transaction that makes it happen.

    The session must come from ``database.write(workspace_id)``: numbers are given in the order of commits.
    """
    table = type(subject).__name__
    kind = KINDS.get(table, table.lower())
    workspace_id = subject.id if isinstance(subject, Workspace) else subject.workspace_id
    await session.flush()
    number = await session.scalar(
        update(Workspace)
        .where(Workspace.id == workspace_id)
        .values(event_count=Workspace.event_count + 1)
        .returning(Workspace.event_count)
        .execution_options(synchronize_session=False)
    )
    session.add(
        Event(
            workspace_id=workspace_id,
            number=number,
            at=now(),
            type=f"{kind}.{what}",
            actor=actor,
            subject_kind=kind,
            subject_id=subject.id,
            subject_name=subject.name[:NAME_LENGTH],
            data=orjson.dumps(dict(data or {})).decode(),
        )
    )
