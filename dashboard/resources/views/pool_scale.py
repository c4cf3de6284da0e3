"""How many sandboxes a pool keeps warm: another number, none (a pause), or the one that is suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, resolve_url

from dashboard.resources.actions import pools as actions
from dashboard.resources.change import Change, show
from dashboard.resources.forms.pools import ScaleForm
from dashboard.resources.preflight import Wants, preflight
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.resources.preflight import Preflight
    from dashboard.teams.access import Access
    from sandboxcore.models import Pool


@require("pool.update")
async def pool_scale(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Scale a pool; 0 pauses it."""
    pool = await attempt(client_for(access.team, access.user).get_pool(name))
    if isinstance(pool, Problem):
        return await show(request, access, _change(access, name, ScaleForm(), refused=pool.message), section="pools")
    form = ScaleForm(request.POST or None, initial={"replicas": pool.replicas})
    if request.method == "POST" and form.is_valid():
        replicas: int = form.cleaned_data["replicas"]
        scaled = await attempt(actions.scale_pool(access=access, name=name, replicas=replicas))
        if not isinstance(scaled, Problem):
            messages.success(request, f"{name} keeps {replicas} warm." if replicas else f"{name} is paused.")
            return redirect("pool", team=access.team.slug, name=name)
        form.show(scaled)
    room = await _room(access, pool, form)
    return await show(request, access, _change(access, name, form, pool=pool, room=room), section="pools")


async def _room(access: Access, pool: Pool, form: ScaleForm) -> Preflight | None:
    """What more sandboxes would take, where more were asked for and refused."""
    wanted = form.cleaned_data.get("replicas") if form.is_bound else None
    if not wanted or wanted <= pool.replicas:
        return None
    template = await attempt(client_for(access.team, access.user).get_template(pool.template_name))
    if isinstance(template, Problem):
        return None
    missing = max(0, wanted - (pool.ready_replicas or 0))
    return await preflight(access, Wants.of(template.resources, missing))


def _change(
    access: Access,
    name: str,
    form: ScaleForm,
    *,
    pool: Pool | None = None,
    room: Preflight | None = None,
    refused: str = "",
) -> Change:
    own = {"team": access.team.slug, "name": name}
    return Change(
        title=f"Scale {name}",
        button="Scale pool",
        action=resolve_url("pool_scale", **own),
        back=resolve_url("pool", **own) if pool else resolve_url("pool_list", team=own["team"]),
        form=form,
        says=["Warm sandboxes beyond the new number are ended; those that were claimed go on."] if pool else (),
        facts=[("Now", f"{pool.ready_replicas or 0} of {pool.replicas} ready")] if pool else (),
        refused=refused,
        preflight=room,
        copy=("pool.scale", {"name": name, "replicas": pool.replicas}) if pool else None,
    )
