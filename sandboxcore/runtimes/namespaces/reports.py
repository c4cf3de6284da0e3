"""What a command's guard reports to the shim, read without believing any of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

KILLED = 128 + 9
"""Exit code of a command whose guard can no longer tell."""
_MAX_BUFFERED = 8192
_MAX_PID = 1 << 22


@dataclass(slots=True)
class Report:
    """The state of one command, as far as its guard has told: fed with bytes, read as fields."""

    pid: int | None = None
    failure: str | None = None
    exit_code: int | None = None
    ended: bool = False
    """No more will come."""
    _buffer: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take what came through the pipe; nothing is its end."""
        if not data:
            self.ended = True
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._buffer) > _MAX_BUFFERED:
            self.ended = True

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        match message:
            case {"started": int(pid)} if 0 < pid <= _MAX_PID and self.pid is None:
                self.pid = pid
            case {"failed": str(text)}:
                self.failure = text
            case {"exit": int(code)} if 0 <= code <= 255:
                self.exit_code = code
            case _:
                self.ended = True

    @property
    def started(self) -> bool:
        """Whether it is known if the program runs."""
        return self.pid is not None or self.failure is not None or self.ended

    @property
    def over(self) -> bool:
        """Whether the command has ended, as far as can be known."""
        return self.exit_code is not None or self.ended

    @property
    def code(self) -> int:
        """The exit code; of a command that ended without a word, that of a killed one."""
        return KILLED if self.exit_code is None else self.exit_code
