"""The form of a new sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from dashboard.resources.forms.base import NAME_HELP, text
from dashboard.resources.forms.lifetimes import OTHER, LifetimesForm
from dashboard.templatetags.console import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandboxcore.reports import Limits


class NewSandboxForm(LifetimesForm):
    """Template, name and lifetimes, within the workspace's ``bounds`` (None: the server did not tell them)."""

    api_names: ClassVar[dict[str, str]] = {**LifetimesForm.api_names, "template_name": "template"}

    template = forms.ChoiceField(label="Template")
    name = text("Name", f"{NAME_HELP} Left empty, one is made up.", required=False)

    def __init__(self, *args: Any, templates: Iterable[str], bounds: Limits | None = None, **kwargs: Any) -> None:
        self.longest = bounds.max_ttl_seconds if bounds else None
        super().__init__(*args, longest=self.longest, **kwargs)
        self._offer("template", [(name, name) for name in templates])
        self.fields["lifetime"].help_text = "Deleted at the end of it, used or not."

    def clean(self) -> dict[str, Any]:
        """Refuse a lifetime beyond the bound before it is sent."""
        cleaned = super().clean()
        ttl = cleaned.get("ttl_seconds")
        if self.longest and ttl is not None and not 0 < ttl <= self.longest:
            where = "lifetime_minutes" if cleaned.get("lifetime") == OTHER else "lifetime"
            self.add_error(where, f"This workspace allows at most {duration(self.longest)}.")
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """What is asked for, as ``create_sandbox`` takes it. Call it when the form is valid."""
        return {
            "template_name": self.cleaned_data["template"],
            "name": self.cleaned_data["name"] or None,
            "ttl_seconds": self.cleaned_data["ttl_seconds"],
            "idle_ttl_seconds": self.cleaned_data["idle_ttl_seconds"],
        }

    def told(self, template: str) -> dict[str, Any]:
        """The same for the program to copy, as far as the form is filled sensibly."""
        told: dict[str, Any] = {"template": template}
        if self.is_bound:
            self.is_valid()
            cleaned = self.cleaned_data
            told["name"] = cleaned.get("name") or ""
            told |= {name: cleaned[name] for name in ("ttl_seconds", "idle_ttl_seconds") if cleaned.get(name)}
        return told


def at_first(bounds: Limits | None, template: str) -> dict[str, Any]:
    """What an empty form shows: the workspace's own lifetimes."""
    lifetime, lifetime_minutes = _shown(bounds.default_ttl_seconds if bounds else 0, bounds, "lifetime")
    idle, idle_minutes = _shown(bounds.default_idle_ttl_seconds if bounds else 0, bounds, "idle")
    return {
        "template": template,
        "lifetime": lifetime,
        "lifetime_minutes": lifetime_minutes,
        "idle": idle,
        "idle_minutes": idle_minutes,
    }


def _shown(seconds: int, bounds: Limits | None, name: str) -> tuple[str, int | None]:
    """The choice that stands for so many seconds, and the minutes where none does."""
    form = LifetimesForm(longest=bounds.max_ttl_seconds if bounds else None)
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared so
    usual = [str(value) for value, _ in field.widget.choices]
    if str(seconds) in usual:
        return str(seconds), None
    if seconds:
        return OTHER, seconds // 60
    return usual[0], None
