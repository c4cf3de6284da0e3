"""Server-sent events (the WHATWG's HTML standard, section 9.2): from bytes to messages."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from sandboxcore.errors import InvalidResponseError

MAX_MESSAGE = 1024 * 1024
"""Most characters of one message."""
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Message:
    """One event as it was sent; ``id`` is the last that any message had."""

    id: str
    type: str
    data: str


class MessageReader:
    """Reads one stream from its beginning."""

    def __init__(self) -> None:
        self.last_id = ""
        """The last identifier that was sent, with a message or alone."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._id = ""
        self._type = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with these bytes. Raises ``InvalidResponseError`` for one without an end."""
        text = self._rest + self._decoder.decode(data)
        found = []
        position = 0
        for match in _LINE_END.finditer(text):
            if match[0] == "\r" and match.end() == len(text):
                break  # a line feed may follow, which would belong to it
            message = self._take(text[position : match.start()])
            position = match.end()
            if message is not None:
                found.append(message)
        self._rest = text[position:]
        if len(self._rest) + self._size > MAX_MESSAGE:
            raise InvalidResponseError("event stream: a message has no end")
        return found

    def _take(self, line: str) -> Message | None:
        """Take a line; the message that it ends, if it ends one."""
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> Message | None:
        self.last_id = self._id
        data, kind = self._data, self._type or "message"
        self._data, self._type, self._size = [], "", 0
        return Message(self.last_id, kind, "\n".join(data)) if data else None
