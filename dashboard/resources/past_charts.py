"""Charts of what a sandbox used until its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts.ranges import RANGES, range_of
from dashboard.resources.charts import OF_SANDBOX
from dashboard.resources.lifetimes import moment

if TYPE_CHECKING:
    from django.http import HttpRequest

    from sandboxcore import PastSandbox

DEFAULT = "1h"
KEPT = timedelta(days=1)
"""For how long a server has readings."""


def charts_until_the_end(request: HttpRequest, past: PastSandbox) -> dict[str, Any]:
    """What ``charts/_chart.html`` needs, and ``until``, the end in seconds since 1970; empty where it was long ago."""
    end = moment(past.ended_at)
    if end is None or datetime.now(UTC) - end > KEPT:
        return {}
    return {
        "charts": OF_SANDBOX,
        "ranges": RANGES,
        "range": range_of(request, DEFAULT),
        "until": f"{end.timestamp():.0f}",
    }
