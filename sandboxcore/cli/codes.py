"""Exit codes; docs/cli.md describes each. ``run``, ``attach`` and ``shell`` give the command's own where they can."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
REFUSED: Final = 4
"""The key is missing, wrong, or not allowed to do this."""
UNREACHABLE: Final = 5
TIMED_OUT: Final = 124
NOT_RUN: Final = 125
"""``run``, ``attach`` or ``shell`` failed, not the command."""
INTERRUPTED: Final = 130
