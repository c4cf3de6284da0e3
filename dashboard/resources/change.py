"""The one small form that changes a thing: in the dialog, or as a page of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.frame import answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.confirm import Users
    from dashboard.resources.forms.base import ApiForm
    from dashboard.resources.preflight import Preflight
    from dashboard.teams.access import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is asked. ``action`` is where it is posted, ``back`` where its page leads back to."""

    title: str
    button: str
    action: str
    back: str
    form: ApiForm
    says: Sequence[str] = ()
    """Sentences above the form: what it does."""
    facts: Sequence[tuple[str, Any]] = ()
    refused: str = ""
    """Why it cannot be done now; then there is no button."""
    used_by: Sequence[Users] = ()
    """Who is in the way."""
    preflight: Preflight | None = None
    copy: tuple[str, Mapping[str, Any]] | None = None
    """The same as a program: an action of ``dashboard.resources.snippets`` and its values."""


async def show(request: HttpRequest, access: Access, change: Change, *, section: str) -> HttpResponse:
    """Show the form; with what was wrong about it, where it was sent and the API or the form refused."""
    context = {"section": section, "change": change, "form": change.form}
    status = 422 if change.form.errors else 200
    return await answer(
        request, access, "resources/change.html", context, fragment="resources/_change.html", status=status
    )
