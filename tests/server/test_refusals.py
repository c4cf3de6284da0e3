"""The log of refused requests is bounded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sandboxcore.server.keytext import MOST_LOGGED, masked
from sandboxcore.server.refusals import MOST_LINES, WINDOW_SECONDS, RefusalLog

if TYPE_CHECKING:
    import pytest


def test_a_flood_is_a_few_lines_and_a_number(caplog: pytest.LogCaptureFixture) -> None:
    moment = 0.0
    caplog.set_level(logging.INFO)
    refusals = RefusalLog(lambda: moment)
    for number in range(1000):
        refusals.info("refused %d", number)
    assert [record.getMessage() for record in caplog.records] == [f"refused {n}" for n in range(MOST_LINES)]
    caplog.clear()
    moment = WINDOW_SECONDS
    refusals.info("refused later")
    assert [record.getMessage() for record in caplog.records] == [
        f"{1000 - MOST_LINES} more requests without a valid key were refused in the last minutes",
        "refused later",
    ]


def test_a_few_are_all_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    moment = 0.0
    refusals = RefusalLog(lambda: moment)
    for number in range(5):
        moment = number * WINDOW_SECONDS
        refusals.info("refused")
    assert len(caplog.records) == 5


def test_a_text_from_outside_is_one_line_without_keys() -> None:
    key = "sbx_" + "a" * 12 + "_" + "b" * 43
    assert masked(f"/a\n2026 ERROR\x1b[31m\u202e/{key}/é") == "/a�2026 ERROR�[31m�/sbx_…/é"
    assert masked("a" * 100_000) == "a" * MOST_LOGGED + "…"
