"""Whether a story applies to a release, and what it says of the methods that it judges."""

from __future__ import annotations

import asyncio
import faulthandler
import time
import traceback
from typing import TYPE_CHECKING, Any

from tests.compat.driver.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

    from tests.compat.driver.kit import Kit
    from tests.compat.driver.registry import Case

STORY_WITHIN = 45.0
"""Seconds after which a story counts as stuck."""


def applies(story: Case, kind: str, known: Mapping[str, CodeType], parameters: Mapping[str, list[str]]) -> bool:
    """Whether a release has one of the story's subjects and all that it needs."""

    def has(need: str) -> bool:
        method, _, parameter = need.rstrip(")").partition("(")
        prefix = "Async" if kind == "async" else ""
        offered = parameters.get(prefix + method) or parameters.get(method, [])
        return method in known and (not parameter or parameter in offered)

    return any(subject in known for subject in story.subjects) and all(map(has, story.needs))


async def judge(story: Case, kit: Kit, known: Mapping[str, CodeType]) -> dict[str, dict[str, Any]]:
    """What a story says of each of its subjects: ``ok``, ``refused`` by the server as it should be, or ``failed``."""
    failure, begun = "", time.monotonic()
    # A synchronous client that blocks cannot be cancelled: then the whole run ends, with every thread's stack.
    faulthandler.dump_traceback_later(STORY_WITHIN + 10, exit=True)
    with Watch(known).calls() as seen:
        try:
            await asyncio.wait_for(story.story(kit), STORY_WITHIN)
        except Exception:  # noqa: BLE001  # whatever goes wrong in a story is its result
            failure = traceback.format_exc(limit=-12)
    faulthandler.cancel_dump_traceback_later()
    seconds = round(time.monotonic() - begun, 3)
    found: dict[str, dict[str, Any]] = {}
    for subject in story.subjects:
        if subject in known:
            detail = failure or ("" if subject in seen else f"{story.name} judges {subject} without calling it")
            outcome = "failed" if detail else "ok" if story.served else "refused"
            found[subject] = {
                "group": story.group,
                "case": story.name,
                "outcome": outcome,
                "detail": detail,
                "seconds": seconds,
            }
    return found
