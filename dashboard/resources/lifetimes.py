"""When a sandbox ends, reckoned from what the API tells of it. All times are aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandboxcore.models import SandboxRecord

HOUR = 3600


def moment(text: str | None) -> datetime | None:
    """A moment of the API, None for none and for what is no moment."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def end_of_lifetime(sandbox: SandboxRecord) -> datetime | None:
    """When its lifetime is over, used or not; None where it has none."""
    return _after(sandbox.created_at, sandbox.ttl_seconds)


def end_of_idleness(sandbox: SandboxRecord) -> datetime | None:
    """When it stops if nothing happens until then; None where idleness ends it never."""
    return _after(sandbox.last_activity_at or sandbox.created_at, sandbox.idle_ttl_seconds)


def _after(start: str | None, seconds: int | None) -> datetime | None:
    begun = moment(start)
    if begun is None or not seconds:
        return None
    try:
        return begun + timedelta(seconds=seconds)
    except OverflowError:
        return None


def an_hour_more(sandbox: SandboxRecord) -> tuple[int, datetime] | None:
    """The lifetime that ends one hour later, in seconds, and that end; None where there is no lifetime to lengthen."""
    end = end_of_lifetime(sandbox)
    if end is None or not sandbox.ttl_seconds:
        return None
    return sandbox.ttl_seconds + HOUR, end + timedelta(seconds=HOUR)
