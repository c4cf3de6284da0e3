"""Allauth's forms, in our words."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth


class LoginForm(allauth.LoginForm):  # type: ignore[misc]  # allauth ships no types
    """Labels in place of placeholders, and what a password manager needs to recognise the fields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "User name or e-mail address"
        self.fields["login"].widget.attrs |= {
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
            "autofocus": True,
        }
        _without_placeholders(self)


class ChangePasswordForm(allauth.ChangePasswordForm):  # type: ignore[misc]  # allauth ships no types
    """Labels in place of placeholders."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"oldpassword": "Current password", "password1": "New password", "password2": "New password again"}
        for name, label in labels.items():
            self.fields[name].label = label
        _without_placeholders(self)


def _without_placeholders(form: Any) -> None:
    """A placeholder that repeats the label vanishes just when it is needed."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
