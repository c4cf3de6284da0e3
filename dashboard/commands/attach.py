"""A command's output through the public client: from an offset on, as it comes."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.sockets import CloseCode, Closing
from dashboard.teams.api import client_for
from sandboxcore import (
    CommandTimeoutError,
    OutputChunk,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    SandboxClientError,
    SandboxNotReadyError,
    SandboxOperationError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dashboard.teams.access import Access
    from sandboxcore import AsyncCommandHandle

FORGOTTEN = {"CommandNotFound", "SessionExpired"}


@dataclass(frozen=True, slots=True)
class Ended:
    """The command has ended; ``exit_code`` None where the server says only ``reason``."""

    exit_code: int | None
    reason: str = ""


class Attached:
    """One connection to one command. ``next`` raises ``Closing`` when the sandbox or its server is lost."""

    def __init__(self, handle: AsyncCommandHandle) -> None:
        self._handle = handle

    async def next(self) -> OutputChunk | Ended:
        """The next output, a ``Gap`` where some is lost, or the end; not to be called again after that."""
        with reachable():
            try:
                return await anext(self._handle)
            except StopAsyncIteration:
                return Ended((await self._handle.result).exit_code)
            except CommandTimeoutError as error:
                return Ended(None, str(error))
            except SandboxOperationError as error:
                if error.error_type in FORGOTTEN:
                    raise Closing(CloseCode.GONE, "The output of this command is no longer kept.") from error
                return Ended(None, str(error))


@asynccontextmanager
async def attach(
    access: Access, sandbox_name: str, command_id: str, *, stdout: int = 0, stderr: int = 0
) -> AsyncIterator[Attached]:
    """Attach to a command from these offsets on; leaving it, the command goes on.

    Raises ``Closing`` when there is no such sandbox, or its server cannot be reached.
    """
    with reachable():
        sandbox = await client_for(access.team, access.user).get_sandbox(sandbox_name)
        handle = await sandbox.reconnect(
            command_id, stdout_offset=stdout, stderr_offset=stderr, gaps=True, collect=False
        )
    try:
        yield Attached(handle)
    finally:
        await handle.close()


@contextmanager
def reachable() -> Iterator[None]:
    """Turn the client's errors into what the page is told. Raises ``Closing``."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise Closing(CloseCode.GONE, "The sandbox has ended.") from error
    except SandboxNotReadyError as error:
        raise Closing(CloseCode.GONE, "The sandbox is not ready.") from error
    except SandboxAuthenticationError as error:
        raise Closing(CloseCode.NOT_ALLOWED, "The sandbox server refuses the team's API key.") from error
    except SandboxClientError as error:
        raise Closing(CloseCode.UNREACHABLE, str(error)) from error
