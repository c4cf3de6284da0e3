"""Who uses a template or a volume: counted for many at once, with names for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from sandboxcore.server.db.models import IS_WANTED, Pool, Sandbox, Template, TemplateMount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from sandboxcore.server.db.engine import Database

MOST_NAMES = 100
"""Names of one kind that are told; how many there are is counted beside."""
OF_SOMEBODY = (IS_WANTED, ~Sandbox.warm)
MOUNTING = Sandbox.state.in_(("provisioning", "ready"))


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """Sandboxes, those of pools aside, and pools that are made from a template."""

    sandboxes: int = 0
    pools: int = 0

    def view(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"sandboxes": self.sandboxes, "pools": self.pools}


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """Templates that mount a volume, by name, how many there are, and how many sandboxes have it mounted."""

    templates: tuple[str, ...] = ()
    template_count: int = 0
    sandboxes: int = 0

    def view(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "templates": list(self.templates),
            "template_count": self.template_count,
            "sandboxes": self.sandboxes,
        }


async def of_templates(database: Database, template_ids: Sequence[str]) -> dict[str, TemplateUse]:
    """What uses each of these templates."""
    if not template_ids:
        return {}
    sandboxes = await _counts(
        database, select(Sandbox.template_id, func.count()).where(Sandbox.template_id.in_(template_ids), *OF_SOMEBODY)
    )
    pools = await _counts(database, select(Pool.template_id, func.count()).where(Pool.template_id.in_(template_ids)))
    return {each: TemplateUse(sandboxes.get(each, 0), pools.get(each, 0)) for each in template_ids}


async def names_of_template(database: Database, template_id: str) -> dict[str, list[str]]:
    """The names of the sandboxes and pools that use a template, the oldest first, at most ``MOST_NAMES`` of each."""
    sandboxes = select(Sandbox.name).where(Sandbox.template_id == template_id, *OF_SOMEBODY)
    pools = select(Pool.name).where(Pool.template_id == template_id)
    return {
        "sandbox_names": await _names(database, sandboxes.order_by(Sandbox.created_at, Sandbox.id)),
        "pool_names": await _names(database, pools.order_by(Pool.created_at, Pool.id)),
    }


async def of_volumes(database: Database, volume_ids: Sequence[str]) -> dict[str, VolumeUse]:
    """What uses each of these volumes."""
    if not volume_ids:
        return {}
    ours = TemplateMount.volume_id.in_(volume_ids)
    # A template may mount one volume at several places.
    mounts = select(TemplateMount.volume_id, TemplateMount.template_id).where(ours).distinct().subquery().c
    place = func.row_number().over(partition_by=mounts.volume_id, order_by=(Template.created_at, Template.id))
    numbered = (
        select(mounts.volume_id, Template.name, place.label("place"), _count_of(mounts.volume_id).label("templates"))
        .join(Template, Template.id == mounts.template_id)
        .subquery()
        .c
    )
    named = select(numbered.volume_id, numbered.name, numbered.templates).where(numbered.place <= MOST_NAMES)
    names: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for row in await database.fetch_all(named.order_by(numbered.volume_id, numbered.place), {}):
        names.setdefault(row.volume_id, []).append(row.name)
        counts[row.volume_id] = row.templates
    sandboxes = await _counts(
        database,
        select(mounts.volume_id, func.count()).join(Sandbox, Sandbox.template_id == mounts.template_id).where(MOUNTING),
    )
    return {
        each: VolumeUse(tuple(names.get(each, ())), counts.get(each, 0), sandboxes.get(each, 0)) for each in volume_ids
    }


async def sandboxes_of_volume(database: Database, volume_id: str) -> list[str]:
    """The names of the sandboxes that have a volume mounted, the oldest first, at most ``MOST_NAMES``."""
    mounting = select(TemplateMount.template_id).where(TemplateMount.volume_id == volume_id)
    query = select(Sandbox.name).where(Sandbox.template_id.in_(mounting), MOUNTING)
    return await _names(database, query.order_by(Sandbox.created_at, Sandbox.id))


def _count_of(column: Any) -> Any:
    return func.count().over(partition_by=column)


async def _counts(database: Database, query: Select[*tuple[Any, ...]]) -> dict[str, int]:
    """Numbers by the query's first column."""
    key = next(iter(query.selected_columns))
    rows = await database.fetch_all(query.group_by(key), {})
    return dict(tuple(row) for row in rows)


async def _names(database: Database, query: Select[Any]) -> list[str]:
    return [row[0] for row in await database.fetch_all(query.limit(MOST_NAMES), {})]
