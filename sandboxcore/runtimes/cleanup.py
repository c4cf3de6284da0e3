"""``python -m sandboxcore.runtimes.cleanup RUNTIME RUN_DIR``: end every sandbox that a runtime owns there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sandboxcore.errors import SandboxError
from sandboxcore.runtimes.registry import load


async def clean(name: str, run_dir: Path) -> int:
    """Destroy all, a few at a time; returns how many there were. Raises ``RuntimeUnavailableError``."""
    runtime = load(name, run_dir=run_dir)
    await runtime.start()
    try:
        owned = await runtime.list_owned()
        several = asyncio.Semaphore(8)

        async def destroy(sandbox_id: str) -> None:
            async with several:
                await runtime.destroy(sandbox_id)

        await asyncio.gather(*(destroy(sandbox.id) for sandbox in owned))
    finally:
        await runtime.close()
    return len(owned)


def main(arguments: list[str]) -> int:
    """Entry point; returns the exit code."""
    name, run_dir = arguments
    try:
        count = asyncio.run(clean(name, Path(run_dir)))
    except SandboxError as error:
        sys.stderr.write(f"cleanup: {error}\n")
        return 1
    sys.stdout.write(f"ended {count} sandboxes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
