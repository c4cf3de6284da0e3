"""Forms of sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from dashboard.resources.forms.base import NAME_HELP, ApiForm, text

if TYPE_CHECKING:
    from collections.abc import Iterable

HOUR = 3600
LIFETIMES = [
    (0, "Until it is deleted"),
    (HOUR, "1 hour"),
    (4 * HOUR, "4 hours"),
    (8 * HOUR, "8 hours"),
    (24 * HOUR, "1 day"),
    (7 * 24 * HOUR, "7 days"),
]
IDLE_STOPS = [
    (0, "Never"),
    (15 * 60, "After 15 minutes without activity"),
    (HOUR, "After 1 hour without activity"),
    (4 * HOUR, "After 4 hours without activity"),
    (24 * HOUR, "After 1 day without activity"),
]


class SandboxForm(ApiForm):
    """A new sandbox."""

    api_names: ClassVar[dict[str, str]] = {"template_name": "template"}

    template = forms.ChoiceField(label="Template")
    name = text("Name", f"{NAME_HELP} Left empty, one is made up.", required=False)
    ttl_seconds = forms.TypedChoiceField(
        label="Lifetime", choices=LIFETIMES, coerce=int, help_text="Deleted at the end of it, used or not."
    )
    idle_ttl_seconds = forms.TypedChoiceField(
        label="Stop when idle",
        choices=IDLE_STOPS,
        coerce=int,
        help_text="Running a command or moving a file is activity; looking at a page is not.",
    )

    def __init__(self, *args: Any, templates: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["template"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(name, name) for name in templates]


class RenameForm(ApiForm):
    """Another name for a sandbox."""

    name = text("Name", NAME_HELP)
