"""The form of a sandbox's lifetimes: usual choices, or minutes of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from dashboard.resources.forms.base import ApiForm
from dashboard.resources.forms.sandboxes import IDLE_STOPS, LIFETIMES

if TYPE_CHECKING:
    from sandboxcore.models import SandboxRecord

OTHER = "other"
MINUTE = 60
MAX_MINUTES = 366 * 24 * 60


def _choices(usual: list[tuple[int, str]], longest: int | None) -> list[tuple[str, str]]:
    """The usual ones that the workspace allows, and minutes of one's own."""
    allowed = [(str(seconds), words) for seconds, words in usual if longest is None or 0 < seconds <= longest]
    return [*allowed, (OTHER, "Other: minutes of your own")]


def _minutes(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=1,
        max_value=MAX_MINUTES,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "data-minutes": ""}),
    )


class LifetimesForm(ApiForm):
    """When a sandbox ends. ``longest`` is the workspace's bound in seconds, None for none.

    ``cleaned_data`` has ``ttl_seconds`` and ``idle_ttl_seconds``, whole minutes in seconds, 0 for none.
    """

    lifetime = forms.ChoiceField(
        label="Lifetime", help_text="Counted from its creation; deleted at the end, used or not."
    )
    lifetime_minutes = _minutes("Lifetime in minutes")
    idle = forms.ChoiceField(
        label="Stop when idle",
        help_text="Running a command or moving a file is activity; looking at a page is not.",
    )
    idle_minutes = _minutes("Idle minutes")

    api_names: ClassVar[dict[str, str]] = {"ttl_seconds": "lifetime", "idle_ttl_seconds": "idle"}

    def __init__(self, *args: Any, longest: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        idle_stops = [(0, "Never"), *[choice for choice in IDLE_STOPS if choice[0] and _fits(choice[0], longest)]]
        self._offer("lifetime", _choices(LIFETIMES, longest))
        self._offer(
            "idle", [*((str(seconds), words) for seconds, words in idle_stops), (OTHER, "Other: minutes of your own")]
        )

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Add the two times in seconds."""
        cleaned = super().clean() or self.cleaned_data
        cleaned["ttl_seconds"] = self._seconds("lifetime", "lifetime_minutes")
        cleaned["idle_ttl_seconds"] = self._seconds("idle", "idle_minutes")
        return cleaned

    def _seconds(self, choice: str, minutes: str) -> int | None:
        chosen = self.cleaned_data.get(choice)
        if chosen is None:
            return None
        if chosen != OTHER:
            return int(chosen)
        own: int | None = self.cleaned_data.get(minutes)
        if own is None:
            if minutes not in self.errors:
                self.add_error(minutes, "Say how many minutes.")
            return None
        return own * MINUTE


def _fits(seconds: int, longest: int | None) -> bool:
    return longest is None or seconds <= longest


def present(sandbox: SandboxRecord, longest: int | None) -> dict[str, Any]:
    """The form's values for a sandbox as it is."""
    ttl, idle = sandbox.ttl_seconds or 0, sandbox.idle_ttl_seconds or 0
    usual = {int(value) for value, _ in _choices(LIFETIMES, longest) if value != OTHER}
    usual_idle = {0, *(seconds for seconds, _ in IDLE_STOPS if _fits(seconds, longest))}
    return {
        "lifetime": str(ttl) if ttl in usual else OTHER,
        "lifetime_minutes": None if ttl in usual or not ttl else ttl // MINUTE,
        "idle": str(idle) if idle in usual_idle else OTHER,
        "idle_minutes": None if idle in usual_idle else idle // MINUTE,
    }
