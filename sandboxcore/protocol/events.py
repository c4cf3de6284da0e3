"""Following a workspace's events over any number of connections: where to resume, what is new, when to try again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import InvalidResponseError
from sandboxcore.protocol.retry import ReconnectPlan
from sandboxcore.protocol.sse import MessageReader
from sandboxcore.reports import RESET, Event

if TYPE_CHECKING:
    from sandboxcore.protocol.sse import Message

FIRST_DELAYS = (0.5, 1.0, 2.0)
"""Waits before each try to reach the stream for the first time, in seconds."""
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, *([10.0] * 10))
"""The same for coming back to it: about two minutes, in which a server can have been replaced."""
SILENCE_SECONDS = 45.0
"""A connection that is silent for so long is lost: the server says something every 15 seconds."""
FAREWELL = "farewell"


class Following:
    """The state of following: ``position`` is the number after which it goes on, None before anything has come."""

    def __init__(self, after: int | None) -> None:
        self.position = after
        self.attached = False
        """Whether the stream was ever reached."""
        self._plan = ReconnectPlan(FIRST_DELAYS)
        self._reader = MessageReader()
        self._restarting = False

    def connect(self) -> dict[str, str | list[str]]:
        """Begin a new connection; its query."""
        self._reader = MessageReader()
        return {} if self.position is None else {"after": str(self.position)}

    def lost(self) -> float | None:
        """Seconds to wait before the next connection; None when there have been tries enough."""
        reloading, self._restarting = self._restarting, False
        return self._plan.next_delay(reloading=reloading)

    def receive(self, data: bytes) -> list[Event]:
        """The events that are new with these bytes. Raises ``InvalidResponseError``."""
        events = [event for message in self._reader.feed(data) if (event := self._event(message))]
        if self._reader.last_id:
            self._reached(self._reader.last_id)
        return events

    def _reached(self, identifier: str) -> None:
        if not self.attached:
            self.attached = True
            self._plan = ReconnectPlan(DELAYS)
        self._plan.attached()
        if self.position is None:
            # Before the first event the server says where its stream begins.
            self.position = _number(identifier)

    def _event(self, message: Message) -> Event | None:
        """What a message tells; None for what is known already, and for a farewell, after which the stream ends."""
        if message.type == FAREWELL:
            self._restarting = _body(message).get("reason") == "restarting"
            return None
        if message.type == RESET:
            event = Event(_number(message.id), RESET, data=_body(message))
        else:
            event = Event.from_dict(_body(message))
            if self.position is not None and event.number <= self.position:
                return None
        self.position = event.number
        return event


def _body(message: Message) -> dict[str, Any]:
    try:
        body = json.loads(message.data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidResponseError("event stream: a message is not a JSON object")
    return body


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        raise InvalidResponseError("event stream: an identifier is no number", field="id")
    return int(text)
