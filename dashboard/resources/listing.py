"""What the lists of templates and sandboxes show: filtered by the address, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandboxcore.models import SandboxRecord

STATES = ("ready", "provisioning", "failed")

S = TypeVar("S", bound="SandboxRecord")


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


def chosen(sandboxes: Iterable[S], *, state: str, query: str) -> list[S]:
    """Those in ``state`` (empty: any) whose name, template or maker contains ``query``, newest first."""
    wanted = query.strip().lower()
    found = [
        sandbox
        for sandbox in addressable(sandboxes)
        if (not state or sandbox.status == state)
        and any(wanted in (text or "").lower() for text in (sandbox.name, sandbox.template_name, sandbox.created_by))
    ]
    return sorted(found, key=lambda sandbox: (sandbox.created_at or "", sandbox.name), reverse=True)
