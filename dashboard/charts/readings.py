"""Readings as the columns that a chart draws."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.http import JsonResponse

from dashboard.teams.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.charts.ranges import Range, Window
    from sandboxcore.metrics import SandboxMetrics, WorkspaceMetrics


def columns_of(points: Sequence[Any], keys: Sequence[str]) -> dict[str, list[float | None]]:
    """The points' moments, as seconds since 1970 under ``at``, and each of their fields ``keys``, in order of time."""
    moments = ((_seconds(point.at), point) for point in points)
    dated = sorted(((at, point) for at, point in moments if at is not None), key=lambda pair: pair[0])
    return {"at": [at for at, _ in dated]} | {key: [getattr(point, key) for _, point in dated] for key in keys}


def _seconds(moment: str) -> float | None:
    """A moment of the API, to a tenth of a second; None for text that is none."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp(), 1)


def readings_answer(
    found: SandboxMetrics | WorkspaceMetrics | Problem,
    keys: Sequence[str],
    *,
    chosen: Range,
    window: Window,
    limits: Mapping[str, int | None],
) -> JsonResponse:
    """What ``static/js/charts/feed.js`` takes: the columns, or the API's problem in words."""
    if isinstance(found, Problem):
        body = {"problem": found.message[:1].upper() + found.message[1:]}
        answer = JsonResponse(body, status=404 if found.status == 404 else 502)
    else:
        answer = JsonResponse(
            {
                "to": window.end.timestamp(),
                "span": chosen.seconds,
                "step": found.step_seconds or chosen.step,
                "over": window.over,
                "limits": dict(limits),
                "columns": columns_of(found.points, keys),
            }
        )
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
