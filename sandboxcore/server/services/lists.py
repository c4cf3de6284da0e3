"""The lists of templates, volumes, pools and sandboxes: what each can be sorted by, searched and narrowed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import with_expression

from sandboxcore.server.db.models import Pool, Sandbox, Template, TemplateMount, Volume
from sandboxcore.server.services import pools, sandboxes
from sandboxcore.server.services.filters import Before, Exactly, Flag, Named, OneOf, Since
from sandboxcore.server.services.listing import Listing, Sort
from sandboxcore.server.services.templates import WITH_MOUNTS
from sandboxcore.server.services.uses import OF_SOMEBODY

STATUSES = ("provisioning", "ready", "failed")


def _mounts(volume: ColumnElement[bool]) -> ColumnElement[bool]:
    """Templates that mount such a volume."""
    return exists().where(TemplateMount.template_id == Template.id, Volume.id == TemplateMount.volume_id, volume)


SANDBOXES = Listing(
    name="sandboxes",
    rows=sandboxes.ROWS,
    counted=select(Sandbox.id)
    .outerjoin(Template, Template.id == Sandbox.template_id)
    .outerjoin(Pool, Pool.id == Sandbox.pool_id)
    .where(*sandboxes.VISIBLE),
    owner=Sandbox.workspace_id,
    identity=Sort(Sandbox.id, "id"),
    default_sort="created_at",
    sorts={
        "created_at": Sort(Sandbox.created_at, "created_at", "number"),
        "updated_at": Sort(Sandbox.updated_at, "updated_at", "number"),
        "last_activity_at": Sort(Sandbox.last_activity_at, "last_activity_at", "number"),
        "expires_at": Sort(Sandbox.expires_at, "expires_at", "number", nullable=True),
        "name": Sort(Sandbox.name, "name"),
        "status": Sort(Sandbox.state, "state"),
        "template_name": Sort(Template.name, "template_name", nullable=True),
        "pool_name": Sort(Pool.name, "pool_name", nullable=True),
        "created_by": Sort(Sandbox.created_by, "created_by"),
    },
    searched={"name": Sandbox.name, "template's name": Template.name, "creator": Sandbox.created_by},
    filters={
        "status": OneOf(Sandbox.state, STATUSES, "Sandboxes in this status."),
        "template": Named(Template.name, Template.id, "Sandboxes of this template, by name or identifier."),
        "pool": Named(Pool.name, Pool.id, "Sandboxes that came from this pool, by name or identifier."),
        "created_by": Exactly(Sandbox.created_by, "Sandboxes that this creator made."),
        "created_after": Since(Sandbox.created_at, "Sandboxes made at this moment or later."),
        "created_before": Before(Sandbox.created_at, "Sandboxes made before this moment."),
    },
    includes=("usage",),
)

_SANDBOXES_OF_TEMPLATE = (
    select(func.count()).where(Sandbox.template_id == Template.id, *OF_SOMEBODY).correlate(Template).scalar_subquery()
)

TEMPLATES = Listing(
    name="templates",
    rows=select(Template).options(WITH_MOUNTS),
    counted=select(Template.id),
    owner=Template.workspace_id,
    identity=Sort(Template.id, "id"),
    default_sort="created_at",
    sorts={
        "created_at": Sort(Template.created_at, "created_at", "number"),
        "updated_at": Sort(Template.updated_at, "updated_at", "number"),
        "name": Sort(Template.name, "name"),
        "image": Sort(Template.image, "image"),
        "created_by": Sort(Template.created_by, "created_by"),
        "sandboxes": Sort(
            _SANDBOXES_OF_TEMPLATE,
            "sandbox_count",
            "integer",
            options=(with_expression(Template.sandbox_count, _SANDBOXES_OF_TEMPLATE),),
        ),
    },
    searched={"name": Template.name, "image": Template.image, "creator": Template.created_by},
    filters={
        "image": Exactly(Template.image, "Templates of this image."),
        "volume": Named(Volume.name, Volume.id, "Templates that mount this volume, by name or identifier.", _mounts),
        "created_by": Exactly(Template.created_by, "Templates that this creator made."),
    },
    entities=True,
    includes=("usage",),
)

VOLUMES = Listing(
    name="volumes",
    rows=select(Volume.__table__).where(Volume.state != "deleting"),
    counted=select(Volume.id).where(Volume.state != "deleting"),
    owner=Volume.workspace_id,
    identity=Sort(Volume.id, "id"),
    default_sort="created_at",
    sorts={
        "created_at": Sort(Volume.created_at, "created_at", "number"),
        "updated_at": Sort(Volume.updated_at, "updated_at", "number"),
        "name": Sort(Volume.name, "name"),
        "status": Sort(Volume.state, "state"),
        "size": Sort(Volume.held_bytes, "held_bytes", "integer"),
        "created_by": Sort(Volume.created_by, "created_by"),
    },
    searched={"name": Volume.name, "creator": Volume.created_by},
    filters={
        "status": OneOf(Volume.state, STATUSES, "Volumes in this status."),
        "in_use": Flag(
            exists().where(TemplateMount.volume_id == Volume.id), "Whether a template mounts it, so that it must stay."
        ),
        "created_by": Exactly(Volume.created_by, "Volumes that this creator made."),
    },
    includes=("usage",),
)

POOLS = Listing(
    name="pools",
    rows=pools.POOLS.order_by(None),
    counted=select(Pool.id).join(Template, Template.id == Pool.template_id),
    owner=Pool.workspace_id,
    identity=Sort(Pool.id, "id"),
    default_sort="created_at",
    sorts={
        "created_at": Sort(Pool.created_at, "created_at", "number"),
        "updated_at": Sort(Pool.updated_at, "updated_at", "number"),
        "name": Sort(Pool.name, "name"),
        "template_name": Sort(Template.name, "template_name"),
        "replicas": Sort(Pool.replicas, "replicas", "integer"),
        "created_by": Sort(Pool.created_by, "created_by"),
    },
    searched={"name": Pool.name, "template's name": Template.name, "creator": Pool.created_by},
    filters={
        "template": Named(Template.name, Template.id, "Pools of this template, by name or identifier."),
        "created_by": Exactly(Pool.created_by, "Pools that this creator made."),
    },
    includes=("usage",),
)
