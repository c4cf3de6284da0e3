"""The last few MiB of one stream's emitted text, addressed by absolute offset."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = 16 * 1024
"""A piece of this size is kept as it came, without a copy."""
BLOCK = 64 * 1024
"""Smaller pieces are gathered into blocks of this size, so that a byte of text costs about a byte."""


def _is_inside(byte: int) -> bool:
    """Whether a byte continues a code point."""
    return byte & 0xC0 == 0x80


class Ring:
    """Text from ``start`` to ``end``, at most ``capacity`` bytes of it; older text is evicted at code point borders.

    An append costs its own length, however much is held. Pieces are kept in a list whose dead head is cut off now
    and then, so that a reader finds its place by bisection.
    """

    __slots__ = ("_blocks", "_head", "_on_evict", "_open", "_starts", "capacity", "end", "start")

    def __init__(self, capacity: int, on_evict: Callable[[memoryview], None] | None = None) -> None:
        self.capacity = capacity
        self.start = 0
        self.end = 0
        self._blocks: list[bytes | bytearray] = []
        self._starts: list[int] = []
        self._head = 0
        self._open = False
        self._on_evict = on_evict

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, text: bytes) -> None:
        """Add whole code points at the end."""
        if not text:
            return
        tail = self._blocks[-1] if self._open else None
        if len(text) >= LARGE:
            self._push(text)
            self._open = False
        elif isinstance(tail, bytearray) and len(tail) + len(text) <= BLOCK:
            tail += text
        else:
            self._push(bytearray(text))
            self._open = True
        self.end += len(text)
        if len(self) > self.capacity:
            self.evict_to(self.end - self.capacity)

    def align(self, offset: int) -> int:
        """``offset`` within what is held, moved up to the border of a code point."""
        if offset <= self.start:
            return self.start
        if offset >= self.end:
            return self.end
        index = self._index(offset)
        block = self._blocks[index]
        place = offset - self._starts[index]
        while place < len(block) and _is_inside(block[place]):
            place += 1
        return self._starts[index] + place

    def read(self, offset: int, limit: int) -> tuple[int, bytes | memoryview]:
        """The true offset and some text from there: at most ``limit`` (4 or more) bytes, empty only at the end.

        The text stays valid when the ring moves on.
        """
        offset = self.align(offset)
        if offset == self.end:
            return offset, b""
        index = self._index(offset)
        block = self._blocks[index]
        first = offset - self._starts[index]
        last = min(first + limit, len(block))
        while last < len(block) and _is_inside(block[last]):
            last -= 1
        if self._open and index == len(self._blocks) - 1:
            return offset, bytes(block[first:last])
        return offset, memoryview(block)[first:last]

    def evict_to(self, offset: int) -> None:
        """Drop the text before ``offset``, or before the border above it."""
        start = self.align(offset)
        while self._head < len(self._blocks):
            block, first = self._blocks[self._head], self._starts[self._head]
            stop = min(start - first, len(block))
            if self._on_evict is not None and stop > self.start - first:
                with memoryview(block) as view, view[self.start - first : stop] as gone:
                    self._on_evict(gone)
            self.start = first + stop
            if stop < len(block):
                break
            self._drop_head()

    def _index(self, offset: int) -> int:
        return bisect_right(self._starts, offset, lo=self._head) - 1

    def _push(self, block: bytes | bytearray) -> None:
        self._blocks.append(block)
        self._starts.append(self.end)

    def _drop_head(self) -> None:
        self._blocks[self._head] = b""
        self._head += 1
        if self._head == len(self._blocks):
            self._open = False
        if self._head > 32 and self._head * 2 >= len(self._blocks):
            del self._blocks[: self._head], self._starts[: self._head]
            self._head = 0
