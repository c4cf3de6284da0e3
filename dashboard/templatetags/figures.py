"""Filters that write amounts, and a sandbox's own words, the way lists do."""

from __future__ import annotations

from django import template

from dashboard.lists import cells

register = template.Library()
register.filter("size", cells.size)
register.filter("cores", cells.cores)
register.filter("visible", cells.visible)


@register.filter
def spent(seconds: float | None) -> str:
    """Time that was used: ``0.42 s``, ``12.5 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None:
        return cells.NOTHING
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
