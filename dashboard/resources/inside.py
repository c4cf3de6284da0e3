"""The pages of what goes on inside a sandbox: they are followed, and say when there is nothing to follow any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.frame import answer
from dashboard.resources.page import sandbox_page
from dashboard.teams.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


async def inside_page(
    request: HttpRequest,
    access: Access,
    found: AsyncSandbox | Problem,
    tab: str,
    *,
    context: Mapping[str, Any],
    fragment: str,
) -> HttpResponse:
    """The tab ``tab``, whose template is ``resources/sandbox_<tab>.html``; or its part, which is given ``gone``.

    A page that is open while its sandbox ends stays, and its part tells that.
    """
    template = f"resources/sandbox_{tab}.html"
    if isinstance(found, Problem) and request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return await answer(request, access, template, {**context, "gone": found}, fragment=fragment)
    return await sandbox_page(request, access, found, template, tab=tab, context=context, fragment=fragment)
