"""Giving a pool, a template or a volume another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.resources.actions.pools import rename_pool
from dashboard.resources.actions.templates import rename_template
from dashboard.resources.actions.volumes import rename_volume
from dashboard.resources.change import Change, show
from dashboard.resources.forms.base import NameForm
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Protocol

    from django.http import HttpRequest, HttpResponse

    from dashboard.resources.listing import Named
    from dashboard.teams.access import Access, TeamView

    class Rename(Protocol):
        """An action that gives a thing another name."""

        def __call__(self, *, access: Access, name: str, new_name: str) -> Awaitable[Named]:
            """Return the thing as it is called now. Raises ``SandboxClientError``."""


def _view(kind: str, rename: Rename, says: str) -> TeamView:
    """The view for things of this kind; ``says`` what follows from another name."""

    @require(f"{kind}.update")
    async def view(request: HttpRequest, access: Access, name: str) -> HttpResponse:
        own = {"team": access.team.slug, "name": name}
        form = NameForm(request.POST or None, initial={"name": name})
        if request.method == "POST" and form.is_valid():
            renamed = await attempt(rename(access=access, name=name, new_name=form.cleaned_data["name"]))
            if not isinstance(renamed, Problem):
                messages.success(request, f"{name} is called {renamed.name} now.")
                return redirect(kind, team=access.team.slug, name=renamed.name)
            form.show(renamed)
        change = Change(
            title=f"Rename {name}",
            button="Rename",
            action=resolve_url(f"{kind}_rename", **own),
            back=resolve_url(kind, **own),
            form=form,
            says=[says],
            copy=(f"{kind}.rename", {"name": name}),
        )
        return await show(request, access, change, section=f"{kind}s")

    return view


pool_rename = _view("pool", rename_pool, "Its sandboxes stay. Programs that use the old name will no longer find it.")
template_rename = _view(
    "template",
    rename_template,
    "What uses the template goes on using it. Programs that make sandboxes by the old name will no longer find it.",
)
volume_rename = _view(
    "volume",
    rename_volume,
    "Templates that mount it go on to; programs that use the old name will no longer find it.",
)
