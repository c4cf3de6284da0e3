"""Tags and filters that every template may use without loading them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from django import forms, template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from dashboard import quantities
from dashboard.audit.registry import SENTENCES
from dashboard.sections import ACTIONS, Place, places
from dashboard.vendored import ICONS

if TYPE_CHECKING:
    from django.forms import BoundField

    from dashboard.teams.access import Access

register = template.Library()


@register.filter
def can(access: Access, action: str) -> bool:
    """Whether the person may do the action: ``{% if access|can:"sandbox.create" %}``."""
    return access.can(action)


@register.filter(name="places")
def places_of(access: Access) -> list[tuple[Place, str]]:
    """The pages of the side bar that this person may go to, each with its address."""
    return places(access)


@register.filter(name="deeds")
def deeds_of(access: Access) -> list[tuple[Place, str]]:
    """What this person may begin from anywhere, each with its address."""
    return [(place, href) for place, href in places(access, ACTIONS) if place.keys]


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
def when(value: datetime | str | None) -> SafeString | str:
    """A moment as ``<time>``; the page's script shows it relative, and exact in the viewer's zone on hover.

    Takes a moment or the API's text of one; text that is none is shown as it is.
    """
    if not value:
        return "—"
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except ValueError:
        return str(value)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    exact = moment.strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', moment.isoformat(), exact, exact[:16])


@register.filter
def exactly(value: datetime) -> SafeString:
    """A moment as ``<time>`` that the page's script shows whole, in the viewer's zone."""
    moment = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-exact>{}</time>', moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M %Z")
    )


@register.filter
def initials(name: str) -> str:
    """The one or two letters that stand for a person."""
    parts = re.split(r"[\s._-]+", name.strip())
    return "".join(part[0] for part in parts[:2] if part).upper()


@register.filter
def sentence(action: str) -> str:
    """How an event's action is told; an action of an older version is shown by its name."""
    return SENTENCES.get(action, action)


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field's widget, dressed as the kit's."""
    kind = "form-select" if isinstance(field.field.widget, forms.Select) else "form-control"
    return field.as_widget(attrs={"class": f"{kind} is-invalid" if field.errors else kind})


register.filter("told_cpu", quantities.tell_cpu)
register.filter("told_bytes", quantities.tell_bytes)


@register.filter
def echo(field: BoundField) -> str:
    """What a quantity field holds, for a person: ``= 0.5 cores``; empty for what is none."""
    tell = getattr(field.field, "echo", None)
    return tell(field.value()) if tell else ""


@register.filter
def duration(seconds: int | None) -> str:
    """Whole seconds in the largest unit that fits: ``90`` is 90 seconds, ``5400`` 90 minutes, ``7200`` 2 hours."""
    if not seconds:
        return "none"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


@register.filter
def prose(text: str) -> SafeString:
    """A server's sentence with its `commands` set as code; everything else is escaped."""
    parts = re.split(r"`([^`]+)`", text)
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if n % 2 else part,) for n, part in enumerate(parts))
    )
