"""The table of events."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class Event(models.Model):
    """One thing that was done. Rows are written by ``record`` alone and never change."""

    team = models.ForeignKey("teams.Team", on_delete=models.CASCADE, null=True, related_name="events")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=150)
    """The actor's user name at the time; it outlives the account. Empty for the system."""
    action = models.CharField(max_length=50)
    """Namespaced: ``sandbox.created``; ``dashboard.audit.registry`` knows how each is told."""
    target = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["team", "-id"], name="event_by_team")]

    def __str__(self) -> str:
        """Return the event as a line of a log."""
        return f"{self.actor_name or 'system'} {self.action} {self.target}"
