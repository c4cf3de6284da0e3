"""Filters of commands and timelines."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from django import template
from django.utils.html import format_html

from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from dashboard.resources.alive import Part

register = template.Library()

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ORIGINS = {"http": "SDK call", "stream": "SDK stream", "terminal": "terminal"}


@register.filter
def visible_lines(text: object) -> str:
    """Somebody's lines of text: line ends and tabs stay, and no other character hides or turns round what follows."""
    return _HIDDEN.sub(lambda found: f"⟨{ord(found[0]):04X}⟩", str(text))


@register.filter
def origin(value: str) -> str:
    """How a command was started, in words."""
    return _ORIGINS.get(value, value)


@register.filter
def took(seconds: float | None) -> str:
    """How long something took: ``0.25 s``, ``4.2 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds is None or seconds < 0:
        return "—"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


@register.filter
def telling(part: Part) -> SafeString | str:
    """One part of a sentence: words, a moment, or a command line."""
    if isinstance(part, datetime):
        return when(part)
    return part if isinstance(part, str) else format_html('<code dir="auto">{}</code>', visible_lines(part.text))
