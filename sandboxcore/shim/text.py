"""Raw output of a command to the UTF-8 text that is emitted, piece by piece.

Offsets count bytes of the emitted text, so what is not valid UTF-8 becomes U+FFFD here, before anything is counted.
"""

from __future__ import annotations

import codecs


class TextDecoder:
    """Turns one stream's raw bytes into valid UTF-8, never cutting a code point between two pieces."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> bytes:
        """The text that ``data`` completes, as UTF-8; at most three bytes are held back."""
        if not self._pending and data.isascii():
            return data
        data = self._pending + data
        try:
            _, used = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(data, "replace", False)
            self._pending = data[used:]
            return text.encode()
        self._pending = data[used:]
        return data[:used] if self._pending else data

    def finish(self) -> bytes:
        """What an unfinished code point at the end of the stream becomes."""
        pending, self._pending = self._pending, b""
        return pending.decode("utf-8", "replace").encode()
