"""How a cell is drawn. Each takes the column's value, the row and who looks, and returns text or safe HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html

from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from dashboard.teams.access import Access

NOTHING = "—"
# Controls of terminals and of the direction of writing: what cannot be seen is shown by its number.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_GOOD = {"ready": "green", "provisioning": "blue", "failed": "red"}


def visible(value: object) -> str:
    """Text in which no character hides, turns round what follows or moves a cursor."""
    return _INVISIBLE.sub(lambda found: f"⟨{ord(found[0]):04X}⟩", str(value))


def text(value: Any, row: object = None, access: Access | None = None) -> SafeString | str:
    """Somebody's words, in their own direction of writing."""
    return NOTHING if value in (None, "") else format_html('<bdi class="text-break">{}</bdi>', visible(value))


def code(value: Any, row: object = None, access: Access | None = None) -> SafeString | str:
    """A name that a machine takes: an image, a path."""
    return (
        NOTHING if value in (None, "") else format_html('<code class="text-break" dir="auto">{}</code>', visible(value))
    )


def moment(value: Any, row: object = None, access: Access | None = None) -> SafeString | str:
    """A moment, told relative to now."""
    return format_html('<span class="text-nowrap">{}</span>', when(value)) if value else NOTHING


def note(words: str) -> SafeString | str:
    """Smaller words below a cell's own."""
    return format_html(' <span class="d-block text-secondary small">{}</span>', words) if words else ""


def number(value: Any, row: object = None, access: Access | None = None) -> str:
    """A count."""
    return NOTHING if value is None else f"{value:,}"


def badge(words: str, colour: str, *, moving: bool = False) -> SafeString:
    """A state: a dot of its colour, and its name."""
    return format_html(
        '<span class="badge bg-{0}-lt"><span class="status-dot{1} bg-{0} me-1"></span>{2}</span>',
        colour,
        " status-dot-animated" if moving else "",
        words,
    )


def state(value: Any, row: object = None, access: Access | None = None) -> SafeString:
    """The state of a sandbox or a volume."""
    return badge(visible(value), _GOOD.get(value, "secondary"), moving=value == "provisioning")


def size(value: int | None) -> str:
    """Bytes, in the largest unit of which there is at least one: ``1.5 GiB``."""
    if value is None:
        return NOTHING
    amount, unit = float(value), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):  # the last one tried is the one to show
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def cores(millis: float | None) -> str:
    """Thousandths of a core, as cores: ``0.25``."""
    return NOTHING if millis is None else f"{millis / 1000:.2f}"


def meter(used: float | None, limit: float | None, words: str, name: str) -> SafeString | str:
    """A number with a small bar that fills towards its limit; the words say both."""
    if used is None:
        return NOTHING
    if not limit:
        return format_html('<span class="text-nowrap">{}</span>', words)
    share = max(0.0, min(used / limit, 1.0))
    return format_html(
        '<span class="list-meter"><span>{}</span><meter min="0" max="1" high=".8" optimum="0" '
        'value="{}" aria-label="{} of its limit">{} %</meter></span>',
        words,
        f"{share:.3f}",
        name,
        round(share * 100),
    )
