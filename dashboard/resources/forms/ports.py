"""Opening a preview."""

from __future__ import annotations

from django import forms

from dashboard.resources.ports import DURATIONS


class PreviewForm(forms.Form):
    """Which port to show in the browser, and for how long."""

    port = forms.IntegerField(min_value=1, max_value=65535)
    seconds = forms.TypedChoiceField(choices=DURATIONS, coerce=int, label="A preview lasts", initial=DURATIONS[1][0])
