"""The form that runs a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from dashboard.resources.forms.base import ApiForm, text

if TYPE_CHECKING:
    from django.http import QueryDict

MAX_COMMAND = 64 * 1024
MAX_VARIABLES = 50
MAX_VALUE = 16 * 1024
MAX_TIMEOUT = 7 * 24 * 3600
DEFAULT_TIMEOUT = 3600
SHELLS = [("/bin/bash", "bash"), ("/bin/sh", "sh")]
_VARIABLE = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


class RunForm(ApiForm):
    """A command to run. Variables are pairs of ``env_name`` and ``env_value`` that may be given many times."""

    command = forms.CharField(
        label="Command",
        max_length=MAX_COMMAND,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "spellcheck": "false",
                "autocomplete": "off",
                "autocapitalize": "none",
                "class": "command-text",
                "placeholder": "python3 -m pytest -x",
            }
        ),
    )
    cwd = text("Folder", "Where it runs. Left empty: the home of the sandbox's user.", required=False)
    time_limit = forms.IntegerField(
        label="Time limit",
        help_text="Seconds after which it is ended; 0 is no limit.",
        min_value=0,
        max_value=MAX_TIMEOUT,
        required=False,
    )
    shell = forms.ChoiceField(label="Shell", choices=SHELLS, required=False)

    api_names: ClassVar[dict[str, str]] = {"timeout": "time_limit"}

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        names = data.getlist("env_name") if data is not None else list(self.initial.get("env_names", ()))
        values = data.getlist("env_value") if data is not None else [""] * len(names)
        self.variables = list(zip(names[:MAX_VARIABLES], values[:MAX_VARIABLES], strict=False))

    @property
    def has_options(self) -> bool:
        """Whether something beside the command is set, so that it is shown."""
        return bool(self.errors or any(name for name, _ in self.variables) or self.initial.get("cwd"))

    def clean_command(self) -> str:
        """The command, with the line ends of a shell."""
        command: str = self.cleaned_data["command"].replace("\r\n", "\n")
        if not command.strip():
            raise forms.ValidationError("Say what to run.")
        return command

    def clean(self) -> dict[str, Any]:
        """Add ``env``, and what goes without saying."""
        cleaned = super().clean() or self.cleaned_data
        cleaned["env"] = self._env()
        cleaned["shell"] = cleaned.get("shell") or SHELLS[0][0]
        cleaned["cwd"] = cleaned.get("cwd") or None
        if cleaned.get("time_limit") is None:
            cleaned["time_limit"] = DEFAULT_TIMEOUT
        return cleaned

    def _env(self) -> dict[str, str]:
        found = {name.strip(): value for name, value in self.variables if name.strip()}
        for name, value in found.items():
            if not _VARIABLE.match(name):
                self.add_error(None, f"{name!r} is no name of a variable: letters, digits and _, not a digit first.")
            elif len(value) > MAX_VALUE or "\0" in value:
                self.add_error(None, f"The value of {name} is longer than {MAX_VALUE} characters, or not text.")
        return found
