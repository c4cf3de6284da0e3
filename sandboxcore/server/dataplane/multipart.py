"""One file out of a multipart form, as it arrives."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_HEADER_BYTES = 16 * 1024
"""Most bytes of one part's headers."""
MAX_OTHER_PARTS = 32


class MultipartFormError(SandboxError):
    """The body is no multipart form with the field that is wanted."""


class FileStream:
    """The content of one field, piece by piece, at the reader's pace."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes], *, field: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise MultipartFormError(f"send multipart/form-data with the field '{field}'")
        self._body = body
        self._field = field
        self._pieces: deque[bytes] = deque()
        self._header_name = b""
        self._header_value = b""
        self._header_bytes = 0
        self._parts = 0
        self._inside = False
        self._found = False
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            callbacks={
                "on_part_begin": self._part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_part_data": self._on_data,
                "on_part_end": self._part_end,
                "on_end": self._on_end,
            },
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces. Raises ``MultipartFormError`` where the form is broken or lacks the field."""
        async for chunk in self._body:
            self._parse(chunk)
            while self._pieces:
                yield self._pieces.popleft()
        if not self._found:
            raise MultipartFormError(f"the form has no field '{self._field}'")
        if not self._ended:
            raise MultipartFormError("the form ends in the middle")

    async def discard(self, limit: int) -> None:
        """Read on without looking, at most ``limit`` bytes."""
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > limit:
                return

    def _parse(self, chunk: bytes) -> None:
        if not chunk:
            return
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MultipartFormError(f"the form is broken: {error}") from None

    def _part_begin(self) -> None:
        self._parts += 1
        self._header_bytes = 0
        self._inside = False
        if self._parts > MAX_OTHER_PARTS:
            raise MultipartFormError("the form has too many fields")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += self._header_piece(data, start, end)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += self._header_piece(data, start, end)

    def _header_piece(self, data: bytes, start: int, end: int) -> bytes:
        self._header_bytes += end - start
        if self._header_bytes > MAX_HEADER_BYTES:
            raise MultipartFormError("a field's headers are too long")
        return data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            self._inside = not self._found and options.get(b"name") == self._field.encode()
            self._found = self._found or self._inside
        self._header_name = self._header_value = b""

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._pieces.append(data[start:end])

    def _part_end(self) -> None:
        self._inside = False

    def _on_end(self) -> None:
        self._ended = True
