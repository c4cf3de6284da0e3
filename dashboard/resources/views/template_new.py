"""Making a template, also as a copy of another with changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources.actions import templates as actions
from dashboard.resources.forms.mounts import MountRow, MountRows, changes_rows
from dashboard.resources.forms.templates import TemplateForm
from dashboard.resources.preflight import Wants, preflight, soon
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from dashboard.teams.server import server_state
from sandboxcore.models import ResourceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

DEFAULTS = {"cpu": "500m", "memory": "512Mi"}
MAX_NAME = 100
MOST_VOLUMES = 200


@require("template.create")
async def template_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a template; ``?from=`` begins with what another one has. For htmx: what a sandbox of it would take."""
    server = await server_state(access.team, access.user)
    images = server.capabilities.images if server.capabilities else ()
    initial, mounts, problem = await _at_first(access, request.GET.get("from", "")[:MAX_NAME])
    given: Any = request.POST or (request.GET if request.htmx else None)  # type: ignore[attr-defined]
    only_rows = changes_rows(request.POST)
    form = TemplateForm(None if only_rows else given, initial=_typed(request, initial, next(iter(images), "")))
    if given is not None:
        mounts = MountRows.sent(given)
    if request.method == "POST" and not only_rows and form.is_valid() and mounts.is_valid:
        made = await attempt(actions.create_template(access=access, **form.cleaned_data, mounts=mounts.wanted))
        if not isinstance(made, Problem):
            messages.success(request, f"The template {made.name} was made.")
            return redirect("template", team=access.team.slug, name=made.name)
        mounts.error = " ".join(made.fields.get("mount_path", []) + made.fields.get("volume_name", []))
        form.show(made)
    context = {
        "section": "templates",
        "form": form,
        "mounts": mounts,
        "empty_row": MountRow(),
        "images": images,
        "volumes": await _volumes(access),
        "problem_from": problem,
        "copied": request.GET.get("from", "")[:MAX_NAME] if initial.get("image") else "",
    } | await _told(access, form, mounts)
    return await answer(
        request,
        access,
        "resources/template_new.html",
        context,
        fragment="resources/_template_takes.html",
        status=422 if request.method == "POST" and not only_rows else 200,
    )


async def _at_first(access: Access, copied: str) -> tuple[dict[str, Any], MountRows, Problem | None]:
    """What the form begins with: defaults, or what the template ``copied`` has."""
    if not copied:
        return dict(DEFAULTS), MountRows(), None
    found = await attempt(client_for(access.team, access.user).get_template(copied))
    if isinstance(found, Problem):
        return dict(DEFAULTS), MountRows(), found
    limits = found.resources
    values = {"name": f"{found.name[:61]}-2", "image": found.image, "cpu": limits.cpu, "memory": limits.memory}
    mounts = MountRows.of([(mount.volume_name, mount.mount_path) for mount in found.volume_mounts])
    return values | {"storage": limits.storage or ""}, mounts, None


def _typed(request: HttpRequest, initial: Mapping[str, Any], image: str) -> dict[str, Any]:
    """What the form shows while it is not judged: what was typed before a row came or went, or the beginning."""
    typed = {name: request.POST[name] for name in TemplateForm.base_fields if name in request.POST}
    return {"image": image} | dict(initial) | typed


async def _volumes(access: Access) -> list[str]:
    """Names of volumes to choose from; none where the server does not tell soon."""
    found = await soon(attempt(client_for(access.team, access.user).list_volumes(limit=MOST_VOLUMES, sort="name")))
    return [] if found is None or isinstance(found, Problem) else [volume.name for volume in found]


async def _told(access: Access, form: TemplateForm, mounts: MountRows) -> dict[str, Any]:
    """What a sandbox of the template would take, and the program that makes it."""
    names = ("name", "image", "cpu", "memory", "storage")
    values = {name: str(form[name].value() or "") for name in names}
    spec = ResourceSpec(values["cpu"], values["memory"], values["storage"] or None)
    return {
        "preflight": await preflight(access, Wants.of(spec)),
        "values": values | {"mounts": mounts.wanted},
        "back": "",
    }
