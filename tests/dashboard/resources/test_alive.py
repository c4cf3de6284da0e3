"""Why a sandbox is alive, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.resources.alive import Code, why_alive
from sandboxcore import CommandRecord
from sandboxcore.models import SandboxRecord

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def told(*running: CommandRecord, **fields: Any) -> tuple[str, datetime | None]:
    record = SandboxRecord("box", "python", **{"created_at": at(-60), "last_activity_at": at(-5), **fields})
    alive = why_alive(record, running, NOW)
    parts = (
        f"<{part.text}>" if isinstance(part, Code) else part if isinstance(part, str) else f"{part:%H:%M}"
        for part in alive.why
    )
    return "".join(parts), alive.stops_at


COMMAND = CommandRecord("c1", "pytest  -x", "running")
TERMINAL = CommandRecord("c2", "bash", "running", pty=True)


def test_it_works() -> None:
    words, stops = told(idle_ttl_seconds=900)
    assert words == "It was last used 11:55; if nothing happens in it, it stops 12:10, 15 minutes after its last use."
    assert stops == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("fields", "running", "words"),
    [
        ({}, (), "Nothing ends it"),
        (
            {"ttl_seconds": 7200},
            (),
            "It lives for its lifetime of 2 hours, used or not, and stops 13:00; it has no idle stop.",
        ),
        ({"ttl_seconds": 3660, "idle_ttl_seconds": 900}, (), "and stops 12:01; it was last used 11:55."),
        ({"ttl_seconds": 3600}, (), "Its lifetime is over"),
        ({"idle_ttl_seconds": 900}, (COMMAND,), "<pytest -x> is running, which keeps it alive"),
        ({"idle_ttl_seconds": 900, "ttl_seconds": 7200}, (COMMAND, COMMAND), "<pytest -x> and 1 more are running"),
        (
            {"idle_ttl_seconds": 900, "ttl_seconds": 7200},
            (COMMAND,),
            "at the latest 13:00, at the end of its lifetime.",
        ),
        ({"idle_ttl_seconds": 900}, (TERMINAL,), "A terminal that waits for keys does not keep it alive."),
        ({"idle_ttl_seconds": 60}, (), "it is about to stop"),
        ({"status": "provisioning"}, (), "It is being made."),
        ({"status": "failed"}, (), "It failed and runs nothing; it stays"),
        ({"status": "failed", "ttl_seconds": 7200}, (), "it is deleted at the end of its lifetime, 13:00."),
    ],
)
def test_each_case(fields: dict[str, Any], running: tuple[CommandRecord, ...], words: str) -> None:
    assert words in told(*running, **fields)[0]
