"""How a person arranges terminals, checked before it is kept: ``{"tabs": [{"panes": [id], "direction"}]}``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

MOST_TABS = 32
MOST_PANES = 4
DIRECTIONS = ("row", "column")


class BadLayoutError(ValueError):
    """What a page sent is no layout; the message says why."""


def checked_layout(data: object) -> dict[str, Any]:
    """The same, with nothing in it that does not belong there. Raises ``BadLayoutError``."""
    tabs = data.get("tabs") if isinstance(data, dict) else None
    if not isinstance(tabs, list) or len(tabs) > MOST_TABS:
        raise BadLayoutError(f"There is room for {MOST_TABS} tabs.")
    return {"tabs": [_tab(tab) for tab in tabs]}


def _tab(tab: object) -> dict[str, Any]:
    panes = tab.get("panes") if isinstance(tab, dict) else None
    if not isinstance(tab, dict) or not isinstance(panes, list) or not 1 <= len(panes) <= MOST_PANES:
        raise BadLayoutError(f"A tab has 1 to {MOST_PANES} terminals.")
    if tab.get("direction") not in DIRECTIONS:
        raise BadLayoutError("A tab's direction is row or column.")
    return {"panes": [_id(pane) for pane in panes], "direction": tab["direction"]}


def _id(value: object) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise BadLayoutError("A terminal is named by its id.") from None
