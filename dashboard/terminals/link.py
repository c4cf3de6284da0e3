"""A shell in a sandbox, reached through the public client."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from dashboard.recordings.wake import wake
from dashboard.sockets import CloseCode, Closing
from dashboard.teams.api import client_for
from dashboard.teams.server import server_state
from dashboard.terminals.actions import mark_started
from dashboard.terminals.events import Ended, Lost, Modes, Output, Skipped, Taken
from dashboard.terminals.shell import ENVIRONMENT, SHELL
from sandboxcore import (
    Gap,
    InputTaken,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxClientError,
    SandboxOperationError,
    TerminalModes,
)
from sandboxcore import Skipped as SkippedChunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dashboard.terminals.access import Grant
    from dashboard.terminals.events import Event
    from dashboard.terminals.protocol import Open, Size
    from sandboxcore import AsyncCommandHandle, AsyncSandbox, OutputChunk

WINDOW = 128 * 1024
"""Bytes of output that the sandbox server sends ahead of what a page was given."""
KEPT_SECONDS = 24 * 3600
"""How long the output of a shell that has ended can still be read."""
KEEP_ON_SKIP = 32 * 1024
"""How much of the output that nobody has seen is still shown when a flood is skipped."""
REDRAW_PAUSE = 0.1
SETTLE_SECONDS = 20.0
_NUMBERING: set[str] = set()
"""Endpoints, as many as teams have, whose servers number input."""
_FORGOTTEN = {"CommandNotFound", "SessionExpired"}


class Terminal:
    """One connection to one shell. Every method raises ``Closing`` when the sandbox or its server is lost."""

    def __init__(self, handle: AsyncCommandHandle, grant: Grant) -> None:
        self._handle = handle
        self._grant = grant
        self._unread: deque[Event] = deque()
        self.taken: int | None = None
        """How much of the page's typing the session had taken; None where its server does not number input."""

    async def settle(self) -> None:
        """Learn ``taken`` from a server that numbers input: it is among the first things that it says."""
        early: list[Event] = []
        async with asyncio.timeout(SETTLE_SECONDS):
            while self.taken is None:
                event = await self.next()
                if isinstance(event, Taken):
                    self.taken = event.offset
                    break
                early.append(event)
                if isinstance(event, Ended):
                    break
        self.unread(early)

    async def next(self) -> Event:
        """The next thing that the shell did; not to be called again after ``Ended``."""
        if self._unread:
            return self._unread.popleft()
        with reachable():
            try:
                return _event(await anext(self._handle))
            except StopAsyncIteration:
                return Ended((await self._handle.result).exit_code)
            except SandboxOperationError as error:
                if error.error_type not in _FORGOTTEN:
                    raise
                return Ended(None, "The shell has ended, and its output is no longer kept.")

    @property
    def has_unread(self) -> bool:
        """Whether ``next`` returns at once, with something that was given back."""
        return bool(self._unread)

    def unread(self, events: list[Event]) -> None:
        """Give these back, to be read again before all others."""
        self._unread.extendleft(reversed(events))

    async def write(self, data: bytes) -> None:
        """Type, without a number. Returns when more may follow."""
        with reachable():
            await self._handle.send_input(data.decode(errors="replace"))

    async def type(self, offset: int, data: bytes) -> None:
        """Type what begins at the page's byte ``offset``; ``Taken`` tells when the session has it."""
        with reachable():
            await self._handle.type(data.decode(errors="replace"), offset)

    async def skip(self) -> None:
        """Pass over the output that has not come yet, but for its end; ``Skipped`` tells when that is done."""
        with reachable():
            await self._handle.skip(KEEP_ON_SKIP)

    async def resize(self, size: Size) -> None:
        """Tell the shell's programs the terminal's size."""
        with reachable():
            await self._handle.resize(size.rows, size.cols)

    async def redraw(self, size: Size) -> None:
        """Have a program that owns the screen draw it again: it does when its size changes."""
        with reachable():
            await self._handle.resize(max(1, size.rows - 1), size.cols)
            await asyncio.sleep(REDRAW_PAUSE)
            await self._handle.resize(size.rows, size.cols)

    async def check_sandbox(self) -> None:
        """Ask whether the sandbox is still there."""
        await _find(self._grant)


def _event(chunk: OutputChunk) -> Event:
    match chunk:
        case Gap():
            return Lost(chunk.start, chunk.end)
        case TerminalModes():
            return Modes(chunk.sequence, chunk.end)
        case InputTaken():
            return Taken(chunk.taken)
        case SkippedChunk():
            return Skipped(chunk.offset)
    return Output(chunk.offset, chunk.data.encode())


@asynccontextmanager
async def open_terminal(grant: Grant, opening: Open) -> AsyncIterator[Terminal]:
    """Start the session's shell, or attach to it from the offset that the page wants; leaving it, the shell goes on.

    Raises ``Closing`` when there is no such sandbox or shell any more, or its server cannot be reached.
    """
    sandbox = await _find(grant)
    numbered = await _numbers_input(grant)
    with reachable():
        handle = await _shell(sandbox, grant, opening, opening.client if numbered else "")
    try:
        terminal = Terminal(handle, grant)
        if numbered:
            await terminal.settle()
        yield terminal
    finally:
        await handle.close()


async def _numbers_input(grant: Grant) -> bool:
    """Whether the team's server numbers input. Once it has said so it is not asked to say it again: a moment in which
    it cannot answer must not have a page's typing doubted."""
    endpoint = grant.team.api_endpoint
    if endpoint not in _NUMBERING:
        state = await server_state(grant.team, grant.actor)
        if state.capabilities is None and state.problem:
            raise Closing(CloseCode.UNREACHABLE, state.problem)
        if not (state.capabilities and state.capabilities.numbered_input):
            return False
        _NUMBERING.add(endpoint)
    return True


async def _find(grant: Grant) -> AsyncSandbox:
    with reachable():
        sandbox = await client_for(grant.team, grant.actor).get_sandbox(grant.sandbox_name)
    if sandbox.id != grant.session.sandbox_id:
        raise Closing(CloseCode.GONE, "The sandbox was deleted; another has its name now.")
    return sandbox


async def _shell(sandbox: AsyncSandbox, grant: Grant, opening: Open, source: str) -> AsyncCommandHandle:
    session = grant.session
    if session.started_at is not None:
        return await sandbox.reconnect(
            str(session.id),
            stdout_offset=opening.offset,
            gaps=True,
            modes=True,
            collect=False,
            source=source,
            window=WINDOW,
        )
    if not grant.may_type:
        raise Closing(CloseCode.NOT_ALLOWED, "This shell was not started yet, and you may not start it.")
    handle = await sandbox.run(  # noqa: S604 - a constant, run in the sandbox
        SHELL,
        shell="/bin/sh",
        env=ENVIRONMENT,
        cwd=session.folder or None,
        pty=True,
        rows=opening.size.rows,
        cols=opening.size.cols,
        command_id=str(session.id),
        gaps=True,
        modes=True,
        wait=False,
        collect=False,
        timeout=0,
        idle_timeout=-1,
        ttl_seconds=KEPT_SECONDS,
        source=source,
        window=WINDOW,
    )
    await mark_started(session.id, pid=handle.pid)
    wake()
    return handle


@contextmanager
def reachable() -> Iterator[None]:
    """Turn the client's errors into what the page is told. Raises ``Closing``."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise Closing(CloseCode.GONE, "The sandbox was deleted.") from error
    except SandboxAuthenticationError as error:
        raise Closing(CloseCode.NOT_ALLOWED, "The sandbox server refuses the team's API key.") from error
    except SandboxClientError as error:
        raise Closing(CloseCode.UNREACHABLE, str(error)) from error
    except TimeoutError as error:
        raise Closing(CloseCode.UNREACHABLE, "The sandbox server does not answer.") from error
