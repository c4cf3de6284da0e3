"""Whether a team records its terminals, and what was recorded."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

SHORTEST_DAYS, LONGEST_DAYS = 1, 365


class RecordingPolicy(models.Model):
    """A team's choice. A team without one records nothing."""

    team = models.OneToOneField("teams.Team", on_delete=models.CASCADE, related_name="recording_policy")
    enabled = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)
    """When it was turned on: what a terminal showed before is not recorded."""
    days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(SHORTEST_DAYS), MaxValueValidator(LONGEST_DAYS)]
    )
    """How long a recording is kept after its end."""
    max_mb = models.PositiveSmallIntegerField(default=64, validators=[MinValueValidator(1), MaxValueValidator(64)])
    """MiB after which one recording is cut."""

    def __str__(self) -> str:
        """Return the choice in words."""
        return f"recordings of {self.team}: {'on' if self.enabled else 'off'}"


class State(models.TextChoices):
    """How a recording stands."""

    RECORDING = "recording", "Recording"
    ENDED = "ended", "Ended"
    CUT = "cut", "Cut"


class Recording(models.Model):
    """What one shell has shown. Its file is named by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("teams.Team", on_delete=models.CASCADE, related_name="recordings")
    session = models.OneToOneField(
        "terminals.TerminalSession", on_delete=models.SET_NULL, null=True, related_name="recording"
    )
    sandbox_id = models.CharField(max_length=64)
    sandbox_name = models.CharField(max_length=63)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    """Who opened the terminal."""
    person_name = models.CharField(max_length=150, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECORDING)
    reason = models.CharField(max_length=200, blank=True)
    """Why it ended, where the shell did not."""
    late = models.BooleanField(default=False)
    """Whether the shell had begun before its team turned recording on."""
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0)
    size = models.BigIntegerField(default=0)
    """Bytes of its file."""
    leased_by = models.CharField(max_length=40, blank=True)
    """Which process of the console writes it, until ``leased_until``."""
    leased_until = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-started_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["team", "-started_at"], name="recording_by_team"),
            models.Index(fields=["state", "leased_until"], name="recording_by_state"),
        ]

    def __str__(self) -> str:
        """Return what it is of."""
        return f"Terminal in {self.sandbox_name}"
