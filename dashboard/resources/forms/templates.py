"""Forms of templates."""

from __future__ import annotations

from dashboard.resources.forms.base import NAME_HELP, ApiForm, text


class TemplateForm(ApiForm):
    """A new template."""

    name = text("Name", NAME_HELP)
    image = text("Image", list="images")
    cpu = text("CPU", "Cores: 2, or thousandths of one: 500m.")
    memory = text("Memory", "Bytes with a unit: 512Mi, 1Gi.")
