"""The cases: small stories that each call some methods and say which of them they judge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit

Story = Callable[["Kit"], Awaitable[None]]

GROUPS = (
    "client",
    "templates",
    "volumes",
    "pools",
    "sandboxes",
    "lifetimes",
    "quotas",
    "run",
    "streams",
    "files",
    "tunnel",
    "service",
    "snapshots",
)
"""In the order in which the grid shows them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One story, the methods that it judges (``Class.method``, by the synchronous name), and where it applies.

    ``served`` is false for what the release can ask and the server does not have: such a case passes when the client
    says so with an error of its own.
    """

    group: str
    subjects: tuple[str, ...]
    story: Story
    needs: tuple[str, ...]
    served: bool

    @property
    def name(self) -> str:
        """The story's name."""
        return self.story.__name__


CASES: list[Case] = []


def case(group: str, *subjects: str, needs: tuple[str, ...] = (), served: bool = True) -> Callable[[Story], Story]:
    """Register a story; it runs where the release has every method of ``needs`` and at least one of ``subjects``.

    An item of ``needs`` with parentheses, ``Class.method(parameter)``, asks for that parameter.
    """
    if group not in GROUPS:
        raise ValueError(f"no group {group}")

    def register(story: Story) -> Story:
        CASES.append(Case(group, subjects, story, needs, served))
        return story

    return register
