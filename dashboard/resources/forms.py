"""Forms of templates and sandboxes. What a value must look like is the API's to say; its words go to the fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboard.teams.problems import Problem

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
MAX_TEXT = 300
NAME_HELP = "Lower-case letters, digits and hyphens, at most 63."
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ApiForm(forms.Form):
    """A form whose values the API checks."""

    api_names: ClassVar[dict[str, str]] = {}
    """Fields that the API calls by another name: its name → ours."""

    def show(self, problem: Problem) -> None:
        """Put the API's words beside the fields they are about, and what is about no field above the form."""
        named = {self.api_names.get(name, name): words for name, words in problem.fields.items()}
        about = {name: words for name, words in named.items() if name in self.fields}
        for name, words in about.items():
            for word in words:
                self.add_error(name, word)
        if not about:
            self.add_error(None, problem.message)
            if problem.remedy:
                self.add_error(None, problem.remedy)


def _text(label: str, help_text: str = "", *, required: bool = True, **attrs: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=MAX_TEXT,
        widget=forms.TextInput(attrs={**_PLAIN, **attrs}),
    )


class TemplateForm(ApiForm):
    """A new template."""

    name = _text("Name", NAME_HELP)
    image = _text("Image", list="images")
    cpu = _text("CPU", "Cores: 2, or thousandths of one: 500m.")
    memory = _text("Memory", "Bytes with a unit: 512Mi, 1Gi.")


class SandboxForm(ApiForm):
    """A new sandbox."""

    api_names: ClassVar[dict[str, str]] = {"template_name": "template"}

    template = forms.ChoiceField(label="Template")
    name = _text("Name", f"{NAME_HELP} Left empty, one is made up.", required=False)
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

    name = _text("Name", NAME_HELP)
