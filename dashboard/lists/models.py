"""Runs of one action over many rows, with what came of each row."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone

SILENT = timedelta(seconds=10)
"""A run whose process has said nothing for so long was interrupted."""


class State(models.TextChoices):
    """How far a run is. A draft waits for its person's yes."""

    DRAFT = "draft"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class ItemState(models.TextChoices):
    """What came of one row."""

    WAITING = "waiting"
    OK = "ok"
    FAILED = "failed"


class BulkRun(models.Model):
    """One action over rows that were fixed when its person chose them."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    team = models.ForeignKey("teams.Team", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    list_name = models.CharField(max_length=50)
    action = models.CharField(max_length=50)
    choice = models.CharField(max_length=50, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    reason = models.CharField(max_length=300, default="")
    """Why it stopped before its end."""
    total = models.PositiveIntegerField()
    worker = models.CharField(max_length=40, default="")
    """The process that works it off."""
    alive_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["team", "list_name", "-created_at"], name="bulk_run_by_list")]

    def __str__(self) -> str:
        """Return the run as a line of a log."""
        return f"{self.action} {self.total} of {self.list_name}"

    @property
    def interrupted(self) -> bool:
        """Whether the process that worked it off is gone."""
        silent = self.alive_at is None or timezone.now() - self.alive_at > SILENT
        return self.state == State.STOPPED or (self.state == State.RUNNING and silent)


class BulkItem(models.Model):
    """One row of a run."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=200)
    label = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.WAITING)
    message = models.CharField(max_length=500, default="")
    """The API's words where it failed; else what is worth telling."""

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["run", "state", "id"], name="bulk_item_by_state")]

    def __str__(self) -> str:
        """Return the row's name and what came of it."""
        return f"{self.label}: {self.state}"
