"""The command line: ``sandbox list``, ``sandbox run NAME -- COMMAND``, ``sandbox shell NAME`` and so on.

A program that uses the SDK as any other does: it imports nothing but the package's public names. Each module adds its
commands to the parser; each command is a coroutine that takes a client and the arguments and returns an exit code.
"""

from __future__ import annotations

from sandboxcore.cli.main import main

__all__ = ["main"]
