"""What a process may inherit ignored, and what the host does about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SHOW = "import re; print(re.search(r'SigIgn:\\s+(\\S+)', open('/proc/self/status').read())[1])"
LIBRARY = 0b11 << 31
"""Signals 32 and 33 in a mask."""


def ignored(code: str) -> int:
    """The signals that a program ignores which a C library's posix_spawn started."""
    program = [sys.executable, "-c", code]
    spawn = f"import os; pid = os.posix_spawn({sys.executable!r}, {program!r}, os.environ); os.waitpid(pid, 0)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", spawn], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout, 16)


def test_the_librarys_signals_are_at_their_default_again() -> None:
    undo = "from sandboxcore.runtimes.namespaces import syscalls; syscalls.unignore_library_signals(); "
    assert ignored(undo + SHOW) & LIBRARY == 0
