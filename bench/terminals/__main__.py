"""Measure the console's terminals.

    python -m bench.terminals                    all, takes ten minutes
    python -m bench.terminals load flood         two hundred terminals, and floods that nobody reads
    python -m bench.terminals beside             beside jupyter_server's terminado and wetty, which PyPI's and npm's
                                                 clients install in a temporary folder

The machine should have nothing else to do. Ends with 1 if echo beside many terminals, memory under floods or the prompt
after Ctrl-C misses its goal; the comparison has no goal.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

from bench import sandboxes
from bench.terminals import beside, flood, load
from sandboxcore import SandboxClient
from tests.stack import Stack

PARTS = ("load", "flood", "beside")


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.terminals", description=__doc__)
    parser.add_argument("part", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--programs", type=Path, help="keep the programs of others in this folder")
    options = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}\n", flush=True)
    missed = [missed for part in ("load", "flood") if part in options.part and (missed := _own(part))]
    if "beside" in options.part:
        print("\n".join(beside.measure(beside.Size(), options.programs)))
    print("\n".join(missed))
    return 1 if missed else 0


def _own(part: str) -> str:
    """Print one part's figures; what it missed."""
    with Stack.new() as stack, SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        sandboxes.prepare(client)
        measured = (
            load.measure(stack, client, load.Size()) if part == "load" else flood.measure(stack, client, flood.Size())
        )
    print("\n".join(measured.rows()), flush=True)
    try:
        measured.check()
    except AssertionError as error:
        return f"missed: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
