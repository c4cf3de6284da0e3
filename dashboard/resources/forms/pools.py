"""Forms of pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from dashboard.resources.forms.base import NAME_HELP, ApiForm, text

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_REPLICAS = 100


def _replicas(least: int, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label="Sandboxes to keep warm",
        help_text=help_text,
        min_value=least,
        max_value=MOST_REPLICAS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class PoolForm(ApiForm):
    """A new pool."""

    api_names: ClassVar[dict[str, str]] = {"template_name": "template"}

    template = forms.ChoiceField(label="Template", help_text="One that mounts no volumes.")
    name = text("Name", NAME_HELP)
    replicas = _replicas(1, "1 to 100. Each counts for the workspace's limits as long as it waits.")

    def __init__(self, *args: Any, templates: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["template"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(name, name) for name in templates]

    def wanted(self) -> dict[str, Any]:
        """What is asked for, as ``create_pool`` takes it. Call it when the form is valid."""
        given = self.cleaned_data
        return {"name": given["name"], "template_name": given["template"], "replicas": given["replicas"]}

    def told(self, template: str) -> dict[str, Any]:
        """The same for the program to copy, as far as the form is filled sensibly."""
        if self.is_bound:
            self.is_valid()  # cleans once; a second time would forget what the API said
        given = self.cleaned_data if self.is_bound else {}
        return {
            "name": given.get("name") or "warm",
            "template": template,
            "replicas": given.get("replicas") or 1,
        }


class ScaleForm(ApiForm):
    """Another size of a pool."""

    replicas = _replicas(0, "0 to 100; 0 pauses the pool.")
