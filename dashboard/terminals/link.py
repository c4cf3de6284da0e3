"""A shell in a sandbox, reached through the public client."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.sockets import CloseCode, Closing
from dashboard.teams.api import client_for
from dashboard.terminals.actions import mark_started
from sandboxcore import (
    Gap,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxClientError,
    SandboxOperationError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dashboard.terminals.access import Grant
    from dashboard.terminals.protocol import Open, Size
    from sandboxcore import AsyncCommandHandle, AsyncSandbox

SHELL = 'SHELL="$(command -v bash || command -v sh)"; export SHELL; exec "$SHELL" -l'
"""A login shell: bash, or where the image has none sh. Run by ``/bin/sh``, which every image with a shell has."""
ENVIRONMENT = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
KEPT_SECONDS = 24 * 3600
"""How long the output of a shell that has ended can still be read."""
_FORGOTTEN = {"CommandNotFound", "SessionExpired"}


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes of the shell's output, from ``offset``."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Output that the sandbox's buffer no longer holds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The shell has ended; ``exit_code`` None where it is not known any more."""

    exit_code: int | None
    reason: str = "The shell has ended."


class Terminal:
    """One connection to one shell. Every method raises ``Closing`` when the sandbox or its server is lost."""

    def __init__(self, handle: AsyncCommandHandle, grant: Grant) -> None:
        self._handle = handle
        self._grant = grant

    async def next(self) -> Output | Lost | Ended:
        """The next thing that the shell did; not to be called again after ``Ended``."""
        with reachable():
            try:
                event = await anext(self._handle)
            except StopAsyncIteration:
                return Ended((await self._handle.result).exit_code)
            except SandboxOperationError as error:
                if error.error_type not in _FORGOTTEN:
                    raise
                return Ended(None, "The shell has ended, and its output is no longer kept.")
        if isinstance(event, Gap):
            return Lost(event.start, event.end)
        return Output(event.offset, event.data.encode())

    async def write(self, data: bytes) -> None:
        """Type. Returns when more may follow."""
        with reachable():
            await self._handle.send_input(data.decode(errors="replace"))

    async def resize(self, size: Size) -> None:
        """Tell the shell's programs the terminal's size."""
        with reachable():
            await self._handle.resize(size.rows, size.cols)

    async def check_sandbox(self) -> None:
        """Ask whether the sandbox is still there."""
        await _find(self._grant)


@asynccontextmanager
async def open_terminal(grant: Grant, opening: Open) -> AsyncIterator[Terminal]:
    """Start the session's shell, or attach to it from the offset that the page wants; leaving it, the shell goes on.

    Raises ``Closing`` when there is no such sandbox or shell any more, or its server cannot be reached.
    """
    sandbox = await _find(grant)
    with reachable():
        handle = await _shell(sandbox, grant, opening)
    try:
        yield Terminal(handle, grant)
    finally:
        await handle.close()


async def _find(grant: Grant) -> AsyncSandbox:
    with reachable():
        sandbox = await client_for(grant.access.team, grant.access.user).get_sandbox(grant.sandbox_name)
    if sandbox.id != grant.session.sandbox_id:
        raise Closing(CloseCode.GONE, "The sandbox was deleted; another has its name now.")
    return sandbox


async def _shell(sandbox: AsyncSandbox, grant: Grant, opening: Open) -> AsyncCommandHandle:
    session = grant.session
    if session.started_at is not None:
        return await sandbox.reconnect(str(session.id), stdout_offset=opening.offset, gaps=True, collect=False)
    if not grant.may_type:
        raise Closing(CloseCode.NOT_ALLOWED, "This shell was not started yet, and you may not start it.")
    handle = await sandbox.run(  # noqa: S604 - a constant, run in the sandbox
        SHELL,
        shell="/bin/sh",
        env=ENVIRONMENT,
        pty=True,
        rows=opening.size.rows,
        cols=opening.size.cols,
        command_id=str(session.id),
        gaps=True,
        wait=False,
        collect=False,
        timeout=0,
        idle_timeout=-1,
        ttl_seconds=KEPT_SECONDS,
    )
    await mark_started(session.id)
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
