"""Teams and who belongs to them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models

from dashboard.teams.secrets import EncryptedTextField


class Role(models.TextChoices):
    """What a member is to a team, from most to least."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"


class Team(models.Model):
    """People who share one workspace of a sandbox server; the server knows the workspace by the API key."""

    name = models.CharField(max_length=100, validators=[MinLengthValidator(1)])
    slug = models.CharField(max_length=50, unique=True, validators=[RegexValidator(r"\A[a-z0-9-]+\Z")])
    api_endpoint = models.URLField(max_length=500)
    """The full base of the API, ending in ``/v2/sandboxes``."""
    api_key = EncryptedTextField()
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="teams")

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        """Return the name that people see."""
        return self.name


class Membership(models.Model):
    """One person's place in one team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["user__username"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_a_team"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        """Return who is what where."""
        return f"{self.user}: {self.role} of {self.team}"
