"""Run every story against the server and print what became of each method, one JSON line each."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import sys
import warnings
from typing import Any

# Frames are read off the WebSocket library's log, which cuts them short by default.
os.environ.setdefault("WEBSOCKETS_MAX_LOG_SIZE", "4096")
with warnings.catch_warnings():
    # The package says at each import that its interface may change.
    warnings.simplefilter("ignore", FutureWarning)
    from langsmith import sandbox

from tests.compat.driver import cases, frames, surface
from tests.compat.driver.judge import applies, judge
from tests.compat.driver.kit import Kit
from tests.compat.driver.registry import CASES


def main() -> None:
    """Parse the one argument and run."""
    assert cases.__all__, "the stories register themselves when their modules load"
    parser = argparse.ArgumentParser(prog="tests.compat.driver")
    parser.add_argument("kind", choices=("sync", "async"))
    missing = [
        name for name in ("LANGSMITH_ENDPOINT", "LANGSMITH_API_KEY", "COMPAT_SMALL_KEY") if name not in os.environ
    ]
    if missing:
        # Without an endpoint the client would go to its maker's own service.
        parser.error(f"set {', '.join(missing)}")
    asyncio.run(_run(parser.parse_args().kind))


async def _run(kind: str) -> None:
    known = surface.methods(sandbox, kind)
    parameters = surface.parameters(sandbox)
    kit = Kit(sandbox, kind, known)
    verdicts: dict[str, list[dict[str, Any]]] = {name: [] for name in known}
    with frames.recorded() as sent:
        try:
            for story in CASES:
                if applies(story, kind, known, parameters):
                    for subject, verdict in (await judge(story, kit, known)).items():
                        verdicts[subject].append(verdict)
        finally:
            await kit.clean()
    for name, found in verdicts.items():
        _say({"line": "method", "kind": kind, "method": name, "verdicts": found})
    _say({"line": "release", "kind": kind, **_facts(), "frames": sent, "parameters": parameters})


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
