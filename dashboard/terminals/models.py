"""The shells that people opened, how they arranged them, and the links by which others may look."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


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
    folder = models.CharField(max_length=1024, blank=True)
    """Where the shell starts; empty: the sandbox user's home."""
    started_at = models.DateTimeField(null=True)
    """When the shell was first started; None until a page has opened it."""
    pid = models.IntegerField(null=True)
    """The shell's process as seen inside the sandbox; None until it has started."""
    ended_at = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    """0-255, or 128 + the signal that ended the shell; None while it runs, or where it was lost."""

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["team", "sandbox_id", "-created_at"], name="terminal_by_sandbox")]

    def __str__(self) -> str:
        """Return the title that people see."""
        return self.title or f"Terminal in {self.sandbox_name}"


class Workspace(models.Model):
    """How one person has arranged the terminals of one sandbox; see ``dashboard.terminals.layout``."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="terminal_workspaces")
    team = models.ForeignKey("teams.Team", on_delete=models.CASCADE, related_name="+")
    sandbox_id = models.CharField(max_length=64)
    layout = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "team", "sandbox_id"], name="one_workspace_a_person_and_sandbox")
        ]

    def __str__(self) -> str:
        """Return whose it is."""
        return f"{self.user} in {self.sandbox_id}"


class ShareLinks(models.Manager["ShareLink"]):
    """Finds links by their token, of which only the hash is kept."""

    def good(self) -> models.QuerySet[ShareLink]:
        """Links that open something now."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())

    def valid(self, token: str) -> models.QuerySet[ShareLink]:
        """The link of this token, if it opens something now."""
        related = self.good().select_related("session__team", "created_by")
        return related.filter(token_hash=hash_token(token), created_by__is_active=True)


class ShareLink(models.Model):
    """Lets whoever has its address look at one shell, without typing, until it expires or is withdrawn."""

    session = models.ForeignKey(TerminalSession, on_delete=models.CASCADE, related_name="share_links")
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    """When it was first opened."""

    objects: ClassVar[Any] = ShareLinks()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        """Return what it opens."""
        return f"Link to {self.session}"


def hash_token(token: str) -> str:
    """What is stored of a link's token: 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
