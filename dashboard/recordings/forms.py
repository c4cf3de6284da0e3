"""The team's form about recording."""

from __future__ import annotations

from django import forms

from dashboard.recordings.models import LONGEST_DAYS, SHORTEST_DAYS

MOST_MB = 64


class PolicyForm(forms.Form):
    """Off or on, how long, how large."""

    enabled = forms.BooleanField(label="Record what terminals show", required=False)
    days = forms.IntegerField(
        label="Keep each for",
        min_value=SHORTEST_DAYS,
        max_value=LONGEST_DAYS,
        help_text=f"Days after its end, {SHORTEST_DAYS} to {LONGEST_DAYS}; then it is deleted.",
    )
    max_mb = forms.IntegerField(
        label="Cut each at",
        min_value=1,
        max_value=MOST_MB,
        help_text=f"MiB, 1 to {MOST_MB}; what a terminal shows after that is not recorded.",
    )
