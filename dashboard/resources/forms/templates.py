"""Forms of templates."""

from __future__ import annotations

from typing import ClassVar

from dashboard.resources.forms.base import NAME_HELP, ApiForm, cpu, size, text


class TemplateForm(ApiForm):
    """A new template; its mounts are beside it, in ``MountRows``."""

    api_names: ClassVar[dict[str, str]] = {"volume_name": "mounts", "mount_path": "mounts", "volume_mounts": "mounts"}

    name = text("Name", NAME_HELP)
    image = text("Image", list="images")
    cpu = cpu()
    memory = size("Memory")
    storage = size("Storage", "Room for files outside of volumes. Left empty, what the server gives.", required=False)
