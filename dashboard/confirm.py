"""The one dialog that asks before something is lost: what goes, by whom it is used, and whether its name is typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.frame import answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from dashboard.teams.problems import Problem

MAX_NAME = 300


@dataclass(frozen=True, slots=True)
class Users:
    """What uses a thing: ``kind`` is what they are called together, each has a name and perhaps a page."""

    kind: str
    names: Sequence[tuple[str, str]]
    count: int = 0
    """How many there are, where the names are not all of them."""

    @property
    def more(self) -> int:
        """How many are not named."""
        return max(0, self.count - len(self.names))


@dataclass(frozen=True, slots=True)
class Question:
    """What the dialog asks. ``action`` is where it is posted, ``cancel`` where its page leads back to."""

    title: str
    button: str
    action: str
    cancel: str
    loses: Sequence[str] = ()
    """Sentences: what will be lost."""
    facts: Sequence[tuple[str, Any]] = ()
    """What it is, so that nobody deletes the wrong thing."""
    used_by: Sequence[Users] = ()
    name: str = ""
    """The name that must be typed: for what holds data and does not come back."""
    refused: str = ""
    """Why it cannot be done now; then there is no button."""
    problem: Problem | None = None
    copy: tuple[str, Mapping[str, Any]] | None = None
    """The same as a program: an action of ``dashboard.resources.snippets`` and its values."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    icon: str = "trash"
    danger: bool = True


async def ask(
    request: HttpRequest, access: Access, question: Question, *, section: str, error: str = "", status: int = 200
) -> HttpResponse:
    """Show the question, in the dialog or as a page. ``error`` stands beside the field for the name."""
    back = next_of(request)
    context = {"section": section, "question": question, "typed_error": error, "back": back}
    context["typed"] = request.POST.get("typed", "")[:MAX_NAME] if error else ""
    return await answer(request, access, "frame/confirm.html", context, fragment="frame/_confirm.html", status=status)


def mistyped(request: HttpRequest, name: str) -> str:
    """What to say beside the field where the name that was typed is not ``name``; empty where it is."""
    typed = request.POST.get("typed", "")[:MAX_NAME].strip()
    return "" if typed == name else f"Type {name} to say that you mean it."


def next_of(request: HttpRequest) -> str:
    """The page of this console that ``next`` leads back to; empty where there is none or it is elsewhere."""
    target = (request.POST.get("next") or request.GET.get("next") or "")[:2000]
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None) and target.startswith("/")
    return target if safe else ""
