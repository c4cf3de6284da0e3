"""A recording's file as an answer: whole lines alone, also while it grows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PIECE = 256 * 1024
TAIL = 4 * 1024 * 1024
"""The last whole line is looked for in so many bytes."""


def whole_size(path: Path) -> int:
    """Bytes of the file's whole lines. Raises ``FileNotFoundError``."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - TAIL)
        file.seek(start)
        return start + file.read(size - start).rfind(b"\n") + 1


class CastResponse(StreamingHttpResponse):
    """Gives what the file has now. Raises ``FileNotFoundError``; blocks while it is made."""

    def __init__(self, path: Path) -> None:
        size = whole_size(path)
        super().__init__(_pieces(path, size), content_type="application/x-asciicast")
        self.headers["X-Content-Type-Options"] = "nosniff"


async def _pieces(path: Path, size: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while size > 0 and (piece := await asyncio.to_thread(file.read, min(PIECE, size))):
            size -= len(piece)
            yield piece
    finally:
        file.close()
