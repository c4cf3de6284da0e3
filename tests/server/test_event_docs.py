"""Every event type and every stop reason is documented, and nothing is documented that there is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from sandboxcore.server.api.events import router
from sandboxcore.server.services.ending import StopReason
from sandboxcore.server.services.event_types import EVENT_TYPES

DOCS = Path(__file__).parents[2] / "docs" / "sandboxd.md"


def first_column(heading: str, end: str) -> list[str]:
    text = DOCS.read_text()
    table = text[text.index(heading) : text.index(end)]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_every_event_type() -> None:
    documented = first_column("| event | when |", "<!-- end of events -->")
    assert len(documented) == len(set(documented))
    assert set(documented) == EVENT_TYPES


def test_every_stop_reason() -> None:
    documented = first_column("| stop reason | meaning |", "<!-- end of stop reasons -->")
    assert len(documented) == len(set(documented))
    assert set(documented) == set(get_args(StopReason))


def test_every_route() -> None:
    text = DOCS.read_text()
    for route in router.routes:
        path = re.sub(r"\{name\}", "NAME_OR_ID", re.sub(r"\{sandbox_id\}", "ID", route.path))  # type: ignore[attr-defined]
        assert f"GET /v2/sandboxes{path}" in text
