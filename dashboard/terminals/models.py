"""The shells that people opened."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class TerminalSession(models.Model):
    """One shell in one sandbox. Its id is the command's id at the API, so starting it twice gives the same shell."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("teams.Team", on_delete=models.CASCADE, related_name="terminal_sessions")
    sandbox_id = models.CharField(max_length=64)
    """Tells this sandbox from a later one of the same name."""
    sandbox_name = models.CharField(max_length=63)
    title = models.CharField(max_length=100, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="terminal_sessions"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    """When the shell was first started; None until a page has opened it."""
    ended_at = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    """0-255, or 128 + the signal that ended the shell; None while it runs, or where it was lost."""

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["team", "sandbox_id", "-created_at"], name="terminal_by_sandbox")]

    def __str__(self) -> str:
        """Return the title that people see."""
        return self.title or f"Terminal in {self.sandbox_name}"
