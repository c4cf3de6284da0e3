"""What the lists of templates and sandboxes show: filtered by the address, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandboxcore.models import SandboxRecord

STATES = ("ready", "provisioning", "failed")

S = TypeVar("S", bound="SandboxRecord")


def chosen(sandboxes: Iterable[S], *, state: str, query: str) -> list[S]:
    """Those in ``state`` (empty: any) whose name, template or maker contains ``query``, newest first."""
    wanted = query.strip().lower()
    found = [
        sandbox
        for sandbox in sandboxes
        if (not state or sandbox.status == state)
        and any(wanted in (text or "").lower() for text in (sandbox.name, sandbox.template_name, sandbox.created_by))
    ]
    return sorted(found, key=lambda sandbox: (sandbox.created_at or "", sandbox.name), reverse=True)
