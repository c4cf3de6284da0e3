"""The state of one command's output: what has come, from which byte to go on, and how it ended.

Feed it the messages of a connection. When that connection is lost, open another, send ``opening()`` and go on feeding:
output that came before comes out once.

::

    new ── started ──▶ running ── exit ──▶ done (result)
                          └────── error ─▶ raises, and ``failure`` holds it
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from sandboxcore.errors import InvalidResponseError
from sandboxcore.fields import Fields
from sandboxcore.models import ExecutionResult, Gap, InputTaken, OutputChunk, Resized, Skipped, TerminalModes
from sandboxcore.protocol import commands
from sandboxcore.protocol.failures import stream_failure

if TYPE_CHECKING:
    from sandboxcore.errors import SandboxClientError
    from sandboxcore.models import StreamName
    from sandboxcore.protocol.commands import CommandRequest

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class CommandStream:
    """The output of one command as it arrives over any number of connections.

    Begin with ``request`` to run a command, without it to read one that runs. ``gaps`` yields a ``Gap`` where output
    was lost, ``modes`` a ``TerminalModes`` before a terminal's output and after each gap in it; ``collect`` keeps all
    output for ``result``, which without it has empty ``stdout`` and ``stderr``. ``source`` numbers the input and
    yields ``InputTaken``. With ``window`` the server sends at most so many bytes ahead of what was acknowledged.
    ``watch``, for a command that runs, yields a ``Resized`` wherever the terminal's size changes.
    """

    def __init__(
        self,
        command_id: str,
        *,
        request: CommandRequest | None = None,
        stdout_offset: int = 0,
        stderr_offset: int = 0,
        gaps: bool = False,
        modes: bool = False,
        collect: bool = True,
        source: str = "",
        window: int = 0,
        watch: bool = False,
    ) -> None:
        self.command_id = command_id
        self.pid: int | None = None
        self.result: ExecutionResult | None = None
        self.failure: SandboxClientError | None = None
        self.started = request is None
        self.keeps_id: bool | None = None
        """Whether the server took the ``command_id`` that the client chose; None until it has answered."""
        self._request = request
        self._gaps = gaps
        self._modes = modes
        self._modes_due = modes
        self._collect = collect
        self._source = source
        self._window = window
        self._watch = watch
        self._size = (0, 0)
        self._used = 0
        self._typed: deque[tuple[int, str]] = deque()
        self._skip: str | None = None
        self._offsets: dict[StreamName, int] = {"stdout": stdout_offset, "stderr": stderr_offset}
        self._parts: dict[StreamName, list[str]] = {"stdout": [], "stderr": []}

    @property
    def stdout_offset(self) -> int:
        """UTF-8 bytes of the standard output that have come, lost ones included."""
        return self._offsets["stdout"]

    @property
    def stderr_offset(self) -> int:
        """UTF-8 bytes of the standard error that have come, lost ones included."""
        return self._offsets["stderr"]

    @property
    def ended(self) -> bool:
        """True when nothing more can come."""
        return self.result is not None or self.failure is not None

    def opening(self) -> str:
        """The first message on a new connection."""
        self._used = 0
        wanted: dict[str, Any] = {
            "gaps": self._gaps,
            "modes": self._modes,
            "source": self._source,
            "window": self._window,
        }
        if self._request is not None and not self.started:
            return self._request.message(**wanted)
        return commands.reconnect(self.command_id, self.stdout_offset, self.stderr_offset, watch=self._watch, **wanted)

    def type(self, data: str, offset: int) -> list[str]:
        """The messages for input whose first byte is number ``offset`` of the source; they are kept until taken."""
        pieces = list(commands.numbered_pieces(data, offset))
        self._typed.extend(pieces)
        return [message for _, message in pieces]

    def typed(self) -> list[str]:
        """Numbered input that is not known to be taken, for a new connection."""
        return [message for _, message in self._typed]

    def skip(self, keep: int) -> str:
        """The message that passes waiting output over; it is due until ``Skipped`` has come."""
        self._skip = commands.skip(keep)
        return self._skip

    def due(self) -> list[str]:
        """What a new connection has to be told after its opening, because the one before may not have brought it."""
        return self.typed() + ([] if self._skip is None else [self._skip])

    def ack(self) -> str | None:
        """The message that acknowledges the output given out so far, when there is enough of it to be worth one."""
        if not self._window or self._used < self._window // 4:
            return None
        used, self._used = self._used, 0
        return commands.ack(used)

    def receive(self, text: str | bytes) -> list[OutputChunk]:
        """Take one message and return what it adds to the output, which may be nothing.

        Raises the error that an ``error`` message stands for, and ``InvalidResponseError`` for what is no message of
        the protocol; either ends the stream. Kinds of messages that are not known are passed over.
        """
        try:
            return self._receive(_decode(text))
        except InvalidResponseError as error:
            self.failure = error
            raise

    def _receive(self, message: dict[str, Any]) -> list[OutputChunk]:
        kind = Fields(message, "command stream").text("type")
        if not self.started and kind not in {"started", "error"}:
            raise InvalidResponseError(f"command stream: '{kind}' came before 'started'", field="type")
        if kind in {"stdout", "stderr"}:
            return self._output(cast("StreamName", kind), Fields(message, "output"))
        if kind == "gap":
            return self._gap(Fields(message, "gap"))
        if kind in {"modes", "resized"}:
            return (self._terminal if kind == "modes" else self._resized)(Fields(message, kind))
        if kind == "input":
            return self._taken(Fields(message, "input"))
        if kind == "skipped":
            self._skip = None
            return [Skipped(self.stdout_offset)]
        if kind == "started":
            self._begin(Fields(message, "started"))
        elif kind == "exit":
            self._end(Fields(message, "exit"))
        elif kind == "error":
            self._fail(Fields(message, "error"))
        return []

    def _begin(self, fields: Fields) -> None:
        command_id = fields.required_text("command_id")
        self.keeps_id = command_id == self.command_id
        self.command_id = command_id
        self.pid = fields.optional_integer("pid")
        self.started = True

    def _output(self, stream: StreamName, fields: Fields) -> list[OutputChunk]:
        data = fields.required_text("data")
        if not data:
            return []
        size, data = _measure(data)
        self._used += size
        here = self._offsets[stream]
        offset = fields.integer("offset", here)
        if offset < 0:
            raise InvalidResponseError("output: field 'offset' is negative", field="offset")
        end = offset + size
        if end <= here:
            return []
        lost = self._jump(stream, offset)
        if offset < here:
            data, offset = _after(data, here - offset), here
        self._offsets[stream] = end
        return lost + self._keep(OutputChunk(stream, data, offset))

    def _keep(self, chunk: OutputChunk) -> list[OutputChunk]:
        if self._collect:
            self._parts[chunk.stream].append(chunk.data)
        return [chunk]

    def _gap(self, fields: Fields) -> list[OutputChunk]:
        stream = fields.required_text("stream")
        if stream not in self._offsets:
            raise InvalidResponseError(f"gap: there is no stream '{stream}'", field="stream")
        return self._jump(stream, fields.required_integer("to"))

    def _terminal(self, fields: Fields) -> list[OutputChunk]:
        """The modes, once and after each gap: whoever has drawn all output since knows them."""
        if not self._modes_due:
            return []
        self._modes_due = False
        size = fields.integer("rows"), fields.integer("cols")
        return [TerminalModes(self.stdout_offset, fields.text("sequence"), *size, fields.integer("end"))]

    def _taken(self, fields: Fields) -> list[OutputChunk]:
        taken = fields.required_integer("taken")
        while self._typed and self._typed[0][0] <= taken:
            self._typed.popleft()
        return [InputTaken(self.stdout_offset, taken)] if self._source else []

    def _resized(self, fields: Fields) -> list[OutputChunk]:
        """A new connection begins with the size that holds there, which may be known."""
        size = fields.required_integer("rows"), fields.required_integer("cols")
        if size == self._size:
            return []
        self._size = size
        return [Resized(self.stdout_offset, *size)]

    def _jump(self, stream: StreamName, offset: int) -> list[OutputChunk]:
        """Go on at ``offset``; what lies between is lost."""
        here = self._offsets[stream]
        if offset <= here:
            return []
        self._offsets[stream] = offset
        self._modes_due = self._modes_due or (self._modes and stream == "stdout")
        return [Gap(stream, here, offset)] if self._gaps else []

    def _end(self, fields: Fields) -> None:
        exit_code = fields.required_integer("exit_code")
        stdout, stderr = ("".join(self._parts[stream]) for stream in ("stdout", "stderr"))
        self._parts = {"stdout": [], "stderr": []}
        self.result = ExecutionResult(stdout, stderr, exit_code)

    def _fail(self, fields: Fields) -> None:
        self.failure = stream_failure(
            fields.text("error_type", "CommandError"),
            fields.text("error", "the command failed"),
            command_id=self.command_id if self.started else None,
            timeout=self._request.timeout if self._request else None,
        )
        raise self.failure


def _decode(text: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidResponseError("command stream: a message is not JSON") from None
    if not isinstance(message, dict):
        raise InvalidResponseError("command stream: a message is not a JSON object")
    return message


def _measure(data: str) -> tuple[int, str]:
    """The size of ``data`` in UTF-8 bytes, and ``data`` with half surrogate pairs, which no UTF-8 has, replaced."""
    if data.isascii():
        return len(data), data
    try:
        return len(data.encode()), data
    except UnicodeEncodeError:
        data = _LONE_SURROGATE.sub("\ufffd", data)
        return len(data.encode()), data


def _after(data: str, skip: int) -> str:
    """``data`` without its first ``skip`` UTF-8 bytes, and without the rest of a character that this would cut."""
    if data.isascii():
        return data[skip:]
    return data.encode()[skip:].decode(errors="ignore")
