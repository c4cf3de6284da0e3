"""Giving a pool another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.resources.actions import pools as actions
from dashboard.resources.change import Change, show
from dashboard.resources.forms.pools import PoolNameForm
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access


@require("pool.update")
async def pool_rename(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Rename a pool."""
    own = {"team": access.team.slug, "name": name}
    form = PoolNameForm(request.POST or None, initial={"name": name})
    if request.method == "POST" and form.is_valid():
        renamed = await attempt(actions.rename_pool(access=access, name=name, new_name=form.cleaned_data["name"]))
        if not isinstance(renamed, Problem):
            messages.success(request, f"{name} is called {renamed.name} now.")
            return redirect("pool", team=access.team.slug, name=renamed.name)
        form.show(renamed)
    change = Change(
        title=f"Rename {name}",
        button="Rename",
        action=resolve_url("pool_rename", **own),
        back=resolve_url("pool", **own),
        form=form,
        says=["Its sandboxes stay. Programs that use the old name will no longer find it."],
        copy=("pool.rename", {"name": name}),
    )
    return await show(request, access, change, section="pools")
