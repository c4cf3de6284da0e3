"""Run every story against the server and print what became of each method, one JSON line each."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import importlib.metadata
import json
import os
import sys
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any

# Frames are read off the WebSocket library's log, which cuts them short by default.
os.environ.setdefault("WEBSOCKETS_MAX_LOG_SIZE", "4096")
with warnings.catch_warnings():
    # The package says at each import that its interface may change.
    warnings.simplefilter("ignore", FutureWarning)
    from langsmith import sandbox

from tests.compat.driver import cases, frames, surface  # after the setting above
from tests.compat.driver.kit import Kit
from tests.compat.driver.registry import CASES, Case
from tests.compat.driver.watch import Watch

if TYPE_CHECKING:
    from types import CodeType

STORY_WITHIN = 45.0
"""Seconds after which a story counts as stuck."""


def main() -> None:
    """Parse the one argument and run."""
    assert cases.__all__, "the stories register themselves when their modules load"
    parser = argparse.ArgumentParser(prog="tests.compat.driver")
    parser.add_argument("kind", choices=("sync", "async"))
    asyncio.run(_run(parser.parse_args().kind))


async def _run(kind: str) -> None:
    known = surface.methods(sandbox, kind)
    parameters = surface.parameters(sandbox)
    kit = Kit(sandbox, kind, known)
    verdicts: dict[str, list[dict[str, Any]]] = {name: [] for name in known}
    with frames.recorded() as sent:
        try:
            for story in CASES:
                if _applies(story, kind, known, parameters):
                    for subject, verdict in (await _judge(story, kit, known)).items():
                        verdicts[subject].append(verdict)
        finally:
            await kit.clean()
    for name, found in verdicts.items():
        _say({"line": "method", "kind": kind, "method": name, "verdicts": found})
    _say({"line": "release", "kind": kind, **_facts(), "frames": sent, "parameters": parameters})


def _applies(story: Case, kind: str, known: dict[str, CodeType], parameters: dict[str, list[str]]) -> bool:
    def has(need: str) -> bool:
        method, _, parameter = need.rstrip(")").partition("(")
        prefix = "Async" if kind == "async" else ""
        offered = parameters.get(prefix + method) or parameters.get(method, [])
        return method in known and (not parameter or parameter in offered)

    return any(subject in known for subject in story.subjects) and all(map(has, story.needs))


async def _judge(story: Case, kit: Kit, known: dict[str, CodeType]) -> dict[str, dict[str, Any]]:
    """What one story says of each of its subjects: passed, refused by the server as it should be, or failed."""
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


def _facts() -> dict[str, Any]:
    return {
        "version": importlib.metadata.version("langsmith"),
        "python": ".".join(map(str, sys.version_info[:3])),
        "fields": surface.fields(sandbox),
        "errors": surface.errors(sandbox),
    }


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
