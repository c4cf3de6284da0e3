"""Tags and filters that every template may use without loading them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.audit.registry import SENTENCES
from dashboard.vendored import ICONS

if TYPE_CHECKING:
    from datetime import datetime

    from dashboard.teams.access import Access

register = template.Library()


@register.filter
def can(access: Access, action: str) -> bool:
    """Whether the person may do the action: ``{% if access|can:"sandbox.create" %}``."""
    return access.can(action)


@cache
def _drawing(name: str) -> str:
    """The inner part of a vendored icon. Raises ``FileNotFoundError`` for one that is not vendored."""
    path = settings.BASE_DIR / "static" / ICONS / f"{name}.svg"
    svg = path.read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]).strip()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """Draw an icon of the kit inline; it takes the colour and the size of the text around it."""
    return format_html(
        '<svg class="icon {}" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>',
        classes,
        mark_safe(_drawing(name)),  # noqa: S308 - a vendored file, never a person's words
    )


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """A moment as ``<time>``; the page's script shows it relative, and exact in the viewer's zone on hover."""
    if moment is None:
        return "—"
    exact = moment.strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', moment.isoformat(), exact, exact[:16])


@register.filter
def initials(name: str) -> str:
    """The one or two letters that stand for a person."""
    parts = re.split(r"[\s._-]+", name.strip())
    return "".join(part[0] for part in parts[:2] if part).upper()


@register.filter
def sentence(action: str) -> str:
    """How an event's action is told; an action of an older version is shown by its name."""
    return SENTENCES.get(action, action)
