"""Readings as the columns that the script draws."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from dashboard.charts.ranges import RANGES, Window
from dashboard.charts.readings import columns_of, readings_answer
from dashboard.resources.charts import OF_SANDBOX, keys_of
from dashboard.teams.problems import Problem
from sandboxcore.metrics import MetricsPoint, SandboxMetrics

POINTS = (
    MetricsPoint(at="2026-01-31T00:00:20+00:00", cpu_millis=12),
    MetricsPoint(at="2026-01-31T00:00:10Z", oom_kills=1),
    MetricsPoint(at="a server that is not ours", cpu_millis=7),
)
END = datetime(2026, 1, 31, 0, 1, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=15), END, 10)


def test_it_works() -> None:
    columns = columns_of(POINTS, ["cpu_millis", "oom_kills"])
    first = datetime(2026, 1, 31, 0, 0, 10, tzinfo=UTC).timestamp()
    assert columns == {"at": [first, first + 10], "cpu_millis": [None, 12], "oom_kills": [1, None]}


def test_the_answer_has_what_the_script_takes() -> None:
    found = SandboxMetrics("", "", 10, points=POINTS)
    answer = readings_answer(
        found, ["cpu_millis"], chosen=RANGES[0], window=WINDOW, limits={"cpu_millis": 500, "pids": None}
    )
    body = json.loads(answer.content)
    assert (body["to"], body["span"], body["step"]) == (END.timestamp(), 900, 10)
    assert body["limits"] == {"cpu_millis": 500, "pids": None}
    assert body["columns"]["cpu_millis"] == [None, 12]
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_problem_is_told_in_the_servers_words() -> None:
    gone = readings_answer(Problem("sandbox 'x' not found", status=404), [], chosen=RANGES[0], window=WINDOW, limits={})
    ill = readings_answer(Problem("the disk is full", status=409), [], chosen=RANGES[0], window=WINDOW, limits={})
    assert (gone.status_code, json.loads(gone.content)) == (404, {"problem": "Sandbox 'x' not found"})
    assert (ill.status_code, json.loads(ill.content)) == (502, {"problem": "The disk is full"})


def test_every_column_is_asked_for_once() -> None:
    keys = keys_of(OF_SANDBOX)
    assert len(keys) == len(set(keys)) == 8
