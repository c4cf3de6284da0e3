"""Between this process's standard streams and a command in a sandbox."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandboxcore import Gap
from sandboxcore.cli.printing import complain

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from sandboxcore import AsyncCommandHandle

PIECE = 64 * 1024
_running: set[asyncio.Task[None]] = set()


async def print_output(handle: AsyncCommandHandle) -> int:
    """Write what the command writes, as it comes, and return its exit code.

    Raises what ``handle.result`` raises, and ``BrokenPipeError``.
    """
    async for chunk in handle:
        if isinstance(chunk, Gap):
            complain(f"{chunk.end - chunk.start} bytes of {chunk.stream} are no longer kept")
            continue
        out = sys.stderr.buffer if chunk.stream == "stderr" else sys.stdout.buffer
        out.write(chunk.data.encode())
        out.flush()
    return (await handle.result).exit_code


def feed_input(handle: AsyncCommandHandle, *, close: bool) -> None:
    """Send standard input to the command from a thread of its own, as fast as it is taken; at its end ``close`` it.

    Input is text in UTF-8. The thread ends with the process.
    """
    loop = asyncio.get_running_loop()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def send(text: str) -> None:
        if text:
            _wait(asyncio.run_coroutine_threadsafe(handle.send_input(text), loop))

    def read() -> None:
        try:
            while data := os.read(sys.stdin.fileno(), PIECE):
                send(decoder.decode(data))
            send(decoder.decode(b"", final=True))
            if close:
                _wait(asyncio.run_coroutine_threadsafe(handle.close_stdin(), loop))
        except (OSError, RuntimeError):
            return  # the terminal has gone, or the command has ended and the loop with it

    threading.Thread(target=read, daemon=True, name="standard input").start()


def _wait(work: Future[None]) -> None:
    work.result()


@contextmanager
def on_signals(handlers: dict[signal.Signals, Callable[[], object]]) -> Iterator[None]:
    """Call these for signals to this process while the block runs."""
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def soon(work: Callable[[], object]) -> None:
    """Run a coroutine function beside what goes on; what fails shows where the command is read."""

    async def run() -> None:
        await work()  # type: ignore[misc]

    task = asyncio.get_running_loop().create_task(run())
    _running.add(task)
    task.add_done_callback(_running.discard)
