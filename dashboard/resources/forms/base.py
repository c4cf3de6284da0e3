"""What every form of a resource shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django import forms

if TYPE_CHECKING:
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


def text(label: str, help_text: str = "", *, required: bool = True, **attrs: str) -> forms.CharField:
    """A line of text that the browser neither corrects nor completes."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=MAX_TEXT,
        widget=forms.TextInput(attrs={**_PLAIN, **attrs}),
    )
