"""The modes of a terminal that a client which joins late must be told to draw it right.

A small parser of escape sequences (ECMA-48 and xterm's private modes) that tolerates anything and works across
pieces; it understands no more than the modes below.
"""

from __future__ import annotations

import re

_DEFAULTS = {
    1: False,  # application cursor keys
    6: False,  # origin
    7: True,  # auto-wrap
    9: False,  # mouse: press only
    25: True,  # cursor shown
    45: False,  # reverse wrap-around
    47: False,  # alternate screen, three ways to ask for it
    1047: False,
    1049: False,
    66: False,  # application keypad
    1000: False,  # mouse: press and release
    1002: False,  # mouse: drag
    1003: False,  # mouse: every movement
    1004: False,  # focus reports
    1005: False,  # mouse coordinates: UTF-8, SGR, urxvt, pixels
    1006: False,
    1015: False,
    1016: False,
    2004: False,  # bracketed paste
}
_SCREENS = (47, 1047, 1049)
_MOUSE = (9, 1000, 1002, 1003)
_SOFT_RESET = (1, 6, 7, 25, 66)

_LONGEST = 64
_SEQUENCE = re.compile(rb"\x1b(?:\[\?([0-9;]{1,60})([hl])|(c)|(\[!p)|([=>]))")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)\Z")


class Modes:
    """What a terminal's modes are after the output fed so far."""

    __slots__ = ("_changed", "_pending")

    def __init__(self) -> None:
        self._changed: dict[int, bool] = {}
        self._pending = b""

    def copy(self) -> Modes:
        """The same modes, to be fed on separately."""
        twin = Modes()
        twin._changed = dict(self._changed)
        twin._pending = self._pending
        return twin

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Follow the next output."""
        if self._pending:
            data = self._pending + bytes(data)
            self._pending = b""
        for match in _SEQUENCE.finditer(data):
            self._apply(match)
        tail = bytes(data[-_LONGEST:])
        escape = tail.rfind(b"\x1b")
        if escape >= 0 and _UNFINISHED.match(tail, escape):
            self._pending = tail[escape:]

    def is_set(self, mode: int) -> bool:
        """Whether a private mode is on."""
        return self._changed.get(mode, _DEFAULTS.get(mode, False))

    @property
    def alternate_screen(self) -> bool:
        """Whether a full-screen program owns the screen."""
        return any(self.is_set(mode) for mode in _SCREENS)

    def sequence(self) -> str:
        """Escape text that brings a fresh terminal to these modes, the beginning of an unfinished sequence last."""
        ordered = sorted(self._changed.items(), key=lambda item: item[0] not in _SCREENS)
        switches = "".join(f"\x1b[?{mode}{'h' if on else 'l'}" for mode, on in ordered)
        return switches + self._pending.decode("ascii", "replace")

    def names(self) -> list[int]:
        """The modes that differ from a fresh terminal's, as their numbers, those switched off negative."""
        return sorted(mode if on else -mode for mode, on in self._changed.items())

    def _apply(self, match: re.Match[bytes]) -> None:
        numbers, switch, full_reset, soft_reset, keypad = match.groups()
        if numbers is not None:
            for number in numbers.split(b";"):
                if number and len(number) < 6:
                    self._set(int(number), switch == b"h")
        elif full_reset:
            self._changed.clear()
        elif soft_reset:
            for mode in _SOFT_RESET:
                self._changed.pop(mode, None)
        elif keypad:
            self._set(66, keypad == b"=")

    def _set(self, mode: int, on: bool) -> None:
        if mode not in _DEFAULTS:
            return
        group = _SCREENS if mode in _SCREENS else _MOUSE if mode in _MOUSE else (mode,)
        for other in group:
            self._changed.pop(other, None)
        if on != _DEFAULTS[mode]:
            self._changed[mode] = on
