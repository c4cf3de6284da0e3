"""What a streamed answer brings."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync


def text_of(answer: Any) -> str:
    """The whole of a streamed answer, without the mark of its encoding."""

    async def whole() -> bytes:
        return b"".join([piece async for piece in answer])

    return async_to_sync(whole)().decode("utf-8-sig")
