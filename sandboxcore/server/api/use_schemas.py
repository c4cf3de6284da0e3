"""Bodies of templates and volumes with who uses them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sandboxcore.server.api.schemas import Body, ListOut, TemplateOut, VolumeOut

_ASKED = "Only with `include=usage`."


class TemplateUseOut(Body):
    """How much uses a template."""

    sandboxes: int
    pools: int


class TemplateUsersOut(TemplateUseOut):
    """What uses a template: the oldest by name, at most 100 of each kind."""

    sandbox_names: list[str]
    pool_names: list[str]


class TemplateWithUseOut(TemplateOut):
    """A template of a list."""

    used_by: Annotated[TemplateUseOut | None, Field(description=_ASKED)] = None


class TemplateWithUsersOut(TemplateOut):
    """A template."""

    used_by: Annotated[TemplateUsersOut | None, Field(description=_ASKED)] = None


class TemplatesWithUseOut(ListOut):
    """Every template of the workspace."""

    templates: list[TemplateWithUseOut]


class VolumeUseOut(Body):
    """What uses a volume: the oldest templates that mount it, at most 100, and how many sandboxes have it mounted."""

    templates: list[str]
    template_count: int
    sandboxes: int


class VolumeUsersOut(VolumeUseOut):
    """The same with the oldest of the sandboxes by name, at most 100."""

    sandbox_names: list[str]


class VolumeWithUseOut(VolumeOut):
    """A volume of a list."""

    used_bytes: Annotated[
        int | None, Field(description=f"What its files take; null where nobody can tell. {_ASKED}")
    ] = None
    usable_bytes: Annotated[int | None, Field(description=f"The most that they can take. {_ASKED}")] = None
    used_by: Annotated[VolumeUseOut | None, Field(description=_ASKED)] = None


class VolumeWithUsersOut(VolumeWithUseOut):
    """A volume."""

    used_by: Annotated[VolumeUsersOut | None, Field(description=_ASKED)] = None


class VolumesWithUseOut(ListOut):
    """Every volume of the workspace."""

    volumes: list[VolumeWithUseOut]
