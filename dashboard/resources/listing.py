"""Which things have pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class Named(Protocol):
    """Anything that the API knows by a name."""

    @property
    def name(self) -> str:
        """The name."""


N = TypeVar("N", bound=Named)


def is_addressable(name: str) -> bool:
    """Whether the name fits into an address. No server of the protocol has others; a hostile one breaks no page."""
    return bool(name) and "/" not in name and name not in {".", ".."}


def addressable(found: Iterable[N]) -> list[N]:
    """Those whose name fits into an address."""
    return [each for each in found if is_addressable(each.name)]
