"""Forms of the team's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from dashboard.teams.models import Role
from dashboard.teams.permissions import roles_that_may_be_given

if TYPE_CHECKING:
    from dashboard.teams.access import Access


class RoleForm(forms.Form):
    """Which role somebody is to have; offers those that the person who asks may give."""

    role = forms.ChoiceField(label="Role")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        givable = roles_that_may_be_given(access.role)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(role.value, role.label) for role in givable]
        field.initial = Role.MEMBER.value

    def clean_role(self) -> Role:
        """Return the choice as a role."""
        return Role(self.cleaned_data["role"])


class AddMemberForm(RoleForm):
    """Who joins the team, and as what."""

    who = forms.CharField(
        label="User name or e-mail address",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    field_order = ("who", "role")
