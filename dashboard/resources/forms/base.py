"""What every form of a resource shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from dashboard import quantities

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.teams.problems import Problem

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


class QuantityField(forms.CharField):
    """An amount as Kubernetes writes it; cleans to the text as typed. ``echo`` tells it to a person."""

    def __init__(self, *, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind
        self.parse: Callable[[str], int] = quantities.parse_cpu if kind == "cpu" else quantities.parse_bytes
        self.tell: Callable[[int], str] = quantities.tell_cpu if kind == "cpu" else quantities.tell_bytes

    def validate(self, value: str) -> None:
        """Refuse what is no quantity, beside the field and before it is sent."""
        super().validate(value)
        if value:
            try:
                self.parse(value)
            except quantities.QuantityError as error:
                raise forms.ValidationError(str(error)) from error

    def echo(self, value: object) -> str:
        """The amount for a person, empty for what is no quantity."""
        try:
            return f"= {self.tell(self.parse(str(value)))}" if value else ""
        except quantities.QuantityError:
            return ""


def text(label: str, help_text: str = "", *, required: bool = True, **attrs: str) -> forms.CharField:
    """A line of text that the browser neither corrects nor completes."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=MAX_TEXT,
        widget=forms.TextInput(attrs={**_PLAIN, **attrs}),
    )


def cpu(label: str = "CPU", help_text: str = "Cores: 2, or thousandths of one: 500m.", **options: Any) -> QuantityField:
    """A share of processors."""
    return _quantity("cpu", label, help_text, **options)


def size(label: str, help_text: str = "With a unit: 512Mi, 1Gi.", **options: Any) -> QuantityField:
    """A number of bytes."""
    return _quantity("bytes", label, help_text, **options)


def _quantity(kind: str, label: str, help_text: str, *, required: bool = True, **attrs: str) -> QuantityField:
    widget = forms.TextInput(attrs={**_PLAIN, "data-quantity": kind, "inputmode": "text", **attrs})
    return QuantityField(
        kind=kind,
        label=label,
        help_text=help_text,
        required=required,
        max_length=quantities.MAX_LENGTH,
        widget=widget,
    )


class NameForm(ApiForm):
    """Another name for a thing."""

    name = text("Name", NAME_HELP)
