"""What a release sends over the command WebSocket, read off the WebSocket library's own debug log."""

from __future__ import annotations

import ast
import json
import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT_OUT = re.compile(r"^> TEXT (['\"].*['\"]) \[\d+ bytes\]$", re.DOTALL)


class _Recorder(logging.Handler):
    """Collects the fields of each type of message."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.fields: dict[str, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        found = _TEXT_OUT.match(record.getMessage())
        if not found:
            return
        try:
            message = json.loads(ast.literal_eval(found[1]))
        except (ValueError, SyntaxError):
            # Cut short by the log: another message of its type will do.
            return
        known = self.fields.setdefault(str(message.get("type")), [])
        known.extend(name for name in message if name not in known)


@contextmanager
def recorded() -> Iterator[dict[str, list[str]]]:
    """The fields that messages of each type carried within."""
    recorder = _Recorder()
    logger = logging.getLogger("websockets.client")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(recorder)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield recorder.fields
    finally:
        logger.removeHandler(recorder)
        logger.setLevel(level)
        logger.propagate = propagate
