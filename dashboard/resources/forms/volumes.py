"""Forms of volumes."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard import quantities
from dashboard.resources.forms.base import NAME_HELP, ApiForm, size, text


class VolumeForm(ApiForm):
    """A new volume."""

    name = text("Name", NAME_HELP)
    size = size("Size", "With a unit: 512Mi, 10Gi. It can grow later, and never shrink.")


class GrowForm(ApiForm):
    """More room in a volume that has ``present`` (a quantity) now."""

    size = size("New size", "Larger than now, with a unit: 2Gi.")

    def __init__(self, *args: Any, present: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._present = present

    @property
    def more(self) -> int:
        """By how many bytes it would grow; 0 where the form does not say so yet."""
        wanted = _bytes(self.cleaned_data.get("size", "")) if self.is_bound and self.is_valid() else None
        present = _bytes(self._present)
        return max(0, wanted - present) if wanted and present else 0

    def clean_size(self) -> str:
        """Refuse what is not larger before it is sent."""
        wanted: str = self.cleaned_data["size"]
        present = _bytes(self._present)
        if present is not None and quantities.parse_bytes(wanted) <= present:
            raise forms.ValidationError(f"It has {self._present} now; a volume only grows.")
        return wanted


def _bytes(quantity: str) -> int | None:
    try:
        return quantities.parse_bytes(quantity)
    except quantities.QuantityError:
        return None
