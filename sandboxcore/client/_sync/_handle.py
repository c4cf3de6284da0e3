# Generated from sandboxcore/client/_async/_handle.py by tools/unasync.py: change that file, then run this tool.
"""One running command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.errors import SandboxOperationError
from sandboxcore.protocol import commands

if TYPE_CHECKING:
    from collections import deque
    from types import TracebackType

    from sandboxcore.client._sync._link import Link
    from sandboxcore.client._sync._sandbox import Sandbox
    from sandboxcore.models import ExecutionResult, OutputChunk


class CommandHandle:
    """A running command: iterate it for its output, which goes on by itself when the connection is lost and comes back.

    Iterating may be left and taken up again. One task may iterate while others send input, resize or kill. As a
    context manager it closes its connection at the end, which the command does not notice.
    """

    def __init__(self, link: Link, sandbox: Sandbox, pending: deque[OutputChunk]) -> None:
        self._link = link
        self._sandbox = sandbox
        self._pending = pending

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.command_id} in {self._sandbox.name}>"

    def __enter__(self) -> CommandHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
    def result(self) -> ExecutionResult:
        """What the command wrote and its exit code; waits until it has ended, taking the output that is left.

        Raises ``CommandTimeoutError``, ``SandboxOperationError`` (also when the handle was closed before),
        ``SandboxConnectionError`` or ``InvalidResponseError``.
        """
        for _ in self:
            pass
        result = self._link.stream.result
        if result is None:
            raise SandboxOperationError("the handle was closed before the command ended", operation="command")
        return result

    def __iter__(self) -> CommandHandle:
        return self

    def __next__(self) -> OutputChunk:
        """The next chunk of either stream, in order of arrival. Raises what ``result`` raises."""
        if not self._pending:
            self._pending.extend(self._link.read())
        if not self._pending:
            raise StopIteration
        return self._pending.popleft()

    def kill(self) -> None:
        """End the command and all that it started with SIGKILL; no effect when it has ended.

        Output that came before still arrives, then ``result`` has a non-zero exit code.
        """
        self._link.kill()

    def send_input(self, data: str) -> None:
        """Write to the command's standard input, in order and whole, however long; no effect when it has ended."""
        self._link.write(commands.input_pieces(data))

    def type(self, data: str, offset: int) -> None:
        """Send numbered input: ``offset`` is the number of its first UTF-8 byte among all that the ``source`` sends.

        Sent again, over this connection or another, it is taken once; ``InputTaken`` tells when. Only for a handle
        whose ``source`` was given, on a server that has ``numbered_input``.
        """
        self._link.write(self._link.stream.type(data, offset))

    def skip(self, keep: int) -> None:
        """Pass over the output that waits at the server, but for its last ``keep`` bytes; ``Skipped`` tells when."""
        self._link.send_now(self._link.stream.skip(keep))

    def close_stdin(self) -> None:
        """End the command's standard input, after all that was sent before."""
        self._link.write([commands.close_stdin()])

    def resize(self, rows: int, cols: int) -> None:
        """Tell the command's terminal its new size; no effect without ``pty``. Raises ``ValueError``."""
        self._link.send_now(commands.resize(rows, cols))

    def send_signal(self, signal: str) -> None:
        """Send a signal, named as in ``SIGINT``, to the command's process group."""
        self._link.send_now(commands.signal(signal))

    def close(self) -> None:
        """Close the connection and leave the command running; ``reconnect`` attaches again."""
        self._link.close()

    def reconnect(self) -> CommandHandle:
        """Another handle for this command that goes on where this one is.

        Raises ``SandboxConnectionError``; a command that is not known any more shows when the handle is read.
        """
        return self._sandbox.reconnect(
            self.command_id, stdout_offset=self.stdout_offset, stderr_offset=self.stderr_offset
        )
