"""Times as the database holds them (seconds since the epoch, UTC) and as the API shows them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def iso(moment: float | None) -> str | None:
    """The moment as ISO 8601 in UTC."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
