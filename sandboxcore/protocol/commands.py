"""The messages that a client sends about a command, as JSON text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INPUT_PIECE = 64 * 1024
"""Most characters of one ``input`` message: escaped as JSON it stays below a server's usual 1 MiB."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command to run. Times are seconds: ``timeout`` 0 is none, ``idle_timeout`` and ``ttl_seconds`` -1 are never."""

    command: str = field(repr=False)
    command_id: str
    timeout: float = 60
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: str | None = None
    shell: str = "/bin/bash"
    idle_timeout: int = 300
    kill_on_disconnect: bool = False
    ttl_seconds: int = 600
    pty: bool = False
    rows: int | None = None
    cols: int | None = None

    def http_body(self) -> dict[str, Any]:
        """The body of ``POST /execute``."""
        return {"command": self.command, "timeout": self.timeout, "shell": self.shell, **self._place()}

    def message(self, *, gaps: bool = False, modes: bool = False, source: str = "", window: int = 0) -> str:
        """The ``execute`` message."""
        terminal: dict[str, Any] = {"pty": self.pty, "rows": self.rows, "cols": self.cols, "gaps": gaps, "modes": modes}
        terminal |= {"source": source, "window": window}
        return _text(
            "execute",
            command=self.command,
            command_id=self.command_id,
            timeout_seconds=self.timeout,
            shell=self.shell,
            idle_timeout_seconds=self.idle_timeout,
            kill_on_disconnect=self.kill_on_disconnect,
            ttl_seconds=self.ttl_seconds,
            **self._place(),
            **{name: value for name, value in terminal.items() if value},
        )

    def _place(self) -> dict[str, Any]:
        """Environment and folder, where they are given."""
        return {name: value for name, value in (("env", self.env), ("cwd", self.cwd)) if value}


def reconnect(
    command_id: str,
    stdout_offset: int,
    stderr_offset: int,
    *,
    gaps: bool = False,
    modes: bool = False,
    source: str = "",
    window: int = 0,
    watch: bool = False,
) -> str:
    """Ask for a command's output from these offsets on."""
    wanted = {"gaps": gaps, "modes": modes, "source": source, "window": window, "watch": watch}
    extra = {name: value for name, value in wanted.items() if value}
    return _text("reconnect", command_id=command_id, stdout_offset=stdout_offset, stderr_offset=stderr_offset, **extra)


def input_pieces(data: str) -> Iterator[str]:
    """Write ``data`` to the command's standard input: messages to be sent in this order."""
    for start in range(0, len(data), INPUT_PIECE):
        yield _text("input", data=data[start : start + INPUT_PIECE])


def numbered_pieces(data: str, offset: int) -> Iterator[tuple[int, str]]:
    """The same as ``input_pieces`` for input whose first byte is the sender's byte ``offset``.

    Each message comes with the number of the byte after it.
    """
    for start in range(0, len(data), INPUT_PIECE):
        piece = data[start : start + INPUT_PIECE]
        end = offset + len(piece.encode(errors="replace"))
        yield end, _text("input", data=piece, offset=offset)
        offset = end


def ack(size: int) -> str:
    """So many bytes of output were used; only where the first message had a ``window``."""
    return _text("ack", bytes=size)


def skip(keep: int) -> str:
    """Pass over what was not sent yet, but for its last ``keep`` bytes."""
    return _text("skip", keep=keep)


def kill() -> str:
    """End the command and all that it started."""
    return _text("kill")


def resize(rows: int, cols: int) -> str:
    """Tell a terminal its new size. Raises ``ValueError``."""
    if not (0 < rows < 1 << 16 and 0 < cols < 1 << 16):
        raise ValueError(f"a terminal of {rows} rows and {cols} columns cannot be")
    return _text("resize", rows=rows, cols=cols)


def signal(name: str) -> str:
    """Send a signal, named as in ``SIGINT``, to the command's process group."""
    return _text("signal", signal=name)


def close_stdin() -> str:
    """End the command's standard input."""
    return _text("close_stdin")


def _text(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
