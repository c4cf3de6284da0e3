"""One running command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.errors import SandboxOperationError
from sandboxcore.protocol import commands

if TYPE_CHECKING:
    from collections import deque
    from types import TracebackType

    from sandboxcore.client._async._link import AsyncLink
    from sandboxcore.client._async._sandbox import AsyncSandbox
    from sandboxcore.models import ExecutionResult, OutputChunk


class AsyncCommandHandle:
    """A running command: iterate it for its output, which goes on by itself when the connection is lost and comes back.

    Iterating may be left and taken up again. One task may iterate while others send input, resize or kill. As a
    context manager it closes its connection at the end, which the command does not notice.
    """

    def __init__(self, link: AsyncLink, sandbox: AsyncSandbox, pending: deque[OutputChunk]) -> None:
        self._link = link
        self._sandbox = sandbox
        self._pending = pending

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.command_id} in {self._sandbox.name}>"

    async def __aenter__(self) -> AsyncCommandHandle:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def command_id(self) -> str:
        """The command's id, with which ``reconnect`` finds it from anywhere."""
        return self._link.stream.command_id

    @property
    def pid(self) -> int | None:
        """Process id inside the sandbox; None on a handle that came from ``reconnect``."""
        return self._link.stream.pid

    @property
    def stdout_offset(self) -> int:
        """UTF-8 bytes of the standard output that this handle has given out or knows to be lost."""
        return self._link.stream.stdout_offset

    @property
    def stderr_offset(self) -> int:
        """UTF-8 bytes of the standard error that this handle has given out or knows to be lost."""
        return self._link.stream.stderr_offset

    @property
    def last_stdout_offset(self) -> int:
        """The same as ``stdout_offset``."""
        return self.stdout_offset

    @property
    def last_stderr_offset(self) -> int:
        """The same as ``stderr_offset``."""
        return self.stderr_offset

    @property
    async def result(self) -> ExecutionResult:
        """What the command wrote and its exit code; waits until it has ended, taking the output that is left.

        Raises ``CommandTimeoutError``, ``SandboxOperationError`` (also when the handle was closed before),
        ``SandboxConnectionError`` or ``InvalidResponseError``.
        """
        async for _ in self:
            pass
        result = self._link.stream.result
        if result is None:
            raise SandboxOperationError("the handle was closed before the command ended", operation="command")
        return result

    def __aiter__(self) -> AsyncCommandHandle:
        return self

    async def __anext__(self) -> OutputChunk:
        """The next chunk of either stream, in order of arrival. Raises what ``result`` raises."""
        if not self._pending:
            self._pending.extend(await self._link.read())
        if not self._pending:
            raise StopAsyncIteration
        return self._pending.popleft()

    async def kill(self) -> None:
        """End the command and all that it started with SIGKILL; no effect when it has ended.

        Output that came before still arrives, then ``result`` has a non-zero exit code.
        """
        await self._link.kill()

    async def send_input(self, data: str) -> None:
        """Write to the command's standard input, in order and whole, however long; no effect when it has ended."""
        await self._link.write(commands.input_pieces(data))

    async def type(self, data: str, offset: int) -> None:
        """Send numbered input: ``offset`` is the number of its first UTF-8 byte among all that the ``source`` sends.

        Sent again, over this connection or another, it is taken once; ``InputTaken`` tells when. Only for a handle
        whose ``source`` was given, on a server that has ``numbered_input``.
        """
        await self._link.write(self._link.stream.type(data, offset))

    async def skip(self, keep: int) -> None:
        """Pass over the output that waits at the server, but for its last ``keep`` bytes; ``Skipped`` tells when."""
        await self._link.send_now(self._link.stream.skip(keep))

    async def close_stdin(self) -> None:
        """End the command's standard input, after all that was sent before."""
        await self._link.write([commands.close_stdin()])

    async def resize(self, rows: int, cols: int) -> None:
        """Tell the command's terminal its new size; no effect without ``pty``. Raises ``ValueError``."""
        await self._link.send_now(commands.resize(rows, cols))

    async def send_signal(self, signal: str) -> None:
        """Send a signal, named as in ``SIGINT``, to the command's process group."""
        await self._link.send_now(commands.signal(signal))

    async def close(self) -> None:
        """Close the connection and leave the command running; ``reconnect`` attaches again."""
        await self._link.close()

    async def reconnect(self) -> AsyncCommandHandle:
        """Another handle for this command that goes on where this one is.

        Raises ``SandboxConnectionError``; a command that is not known any more shows when the handle is read.
        """
        return await self._sandbox.reconnect(
            self.command_id, stdout_offset=self.stdout_offset, stderr_offset=self.stderr_offset
        )
