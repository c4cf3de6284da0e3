"""Sandboxes: the list, making one, the page of one, deleting one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.resources import actions
from dashboard.resources.forms import RenameForm, SandboxForm
from dashboard.resources.listing import STATES, chosen
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_QUERY = 100


@require("sandbox.view")
async def sandbox_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Every sandbox of the workspace; ``?state=`` and ``?q=`` choose."""
    state = request.GET.get("state", "")
    query = request.GET.get("q", "")[:MAX_QUERY]
    found = await attempt(client_for(access.team, access.user).list_sandboxes())
    context: dict[str, object] = {
        "section": "sandboxes",
        "state": state if state in STATES else "",
        "query": query,
        "states": STATES,
    }
    if isinstance(found, Problem):
        context["problem"] = found
    else:
        context |= {
            "sandboxes": chosen(found, state=state if state in STATES else "", query=query),
            "total": len(found),
        }
    return await answer(
        request,
        access,
        "resources/sandbox_list.html",
        context,
        fragment="resources/_sandbox_results.html",
    )


@require("sandbox.view")
async def sandbox_row(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """One row of the list; a row that is provisioning asks for itself until it is not."""
    found = await find_sandbox(access, name)
    context = {"problem": found, "name": name} if isinstance(found, Problem) else {"sandbox": found}
    # htmx swaps in answers of status 200 only, and a row that is gone says so in its place.
    return await answer(request, access, "resources/sandbox_row.html", context, fragment="resources/_sandbox_row.html")


@require("sandbox.create")
async def sandbox_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Make a sandbox."""
    templates = await attempt(client_for(access.team, access.user).list_templates())
    context: dict[str, object] = {"section": "sandboxes"}
    if isinstance(templates, Problem):
        return await answer(request, access, "resources/problem.html", context | {"problem": templates})
    names = sorted(template.name for template in templates)
    initial = {"template": request.GET.get("template", "")[:MAX_QUERY]}
    form = SandboxForm(request.POST or None, templates=names, initial=initial)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        made = await attempt(
            actions.create_sandbox(
                access=access,
                template_name=wanted["template"],
                name=wanted["name"] or None,
                ttl_seconds=wanted["ttl_seconds"],
                idle_ttl_seconds=wanted["idle_ttl_seconds"],
            )
        )
        if not isinstance(made, Problem):
            return redirect("sandbox", team=access.team.slug, name=made.name)
        form.show(made)
    context |= {"form": form, "templates": names}
    status = 422 if form.errors else 200
    return await answer(request, access, "resources/sandbox_new.html", context, status=status)


@require("sandbox.view")
async def sandbox(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """What a sandbox is, and how to reach it from a program."""
    found = await find_sandbox(access, name)
    return await sandbox_page(
        request,
        access,
        found,
        "resources/sandbox_overview.html",
        tab="overview",
        fragment="resources/_sandbox_overview.html",
    )


@require("sandbox.update")
async def sandbox_settings(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Rename a sandbox, or delete it."""
    found = await find_sandbox(access, name)
    form = RenameForm(request.POST or None, initial={"name": name})
    if request.method == "POST" and not isinstance(found, Problem) and form.is_valid():
        new_name = form.cleaned_data["name"]
        renamed = await attempt(actions.rename_sandbox(access=access, name=name, new_name=new_name))
        if not isinstance(renamed, Problem):
            messages.success(request, f"{name} is now called {renamed.name}.")
            return redirect("sandbox_settings", team=access.team.slug, name=renamed.name)
        form.show(renamed)
    return await sandbox_page(
        request,
        access,
        found,
        "resources/sandbox_settings.html",
        tab="settings",
        context={"form": form},
        status=422 if form.errors else 200,
    )


@require("sandbox.delete")
async def sandbox_delete(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Delete a sandbox, after saying what will be lost."""
    if request.method == "POST":
        gone = await attempt(actions.delete_sandbox(access=access, name=name))
        if isinstance(gone, Problem):
            messages.error(request, gone.message)
        else:
            messages.success(request, f"{name} was deleted.")
        return redirect("sandbox_list", team=access.team.slug)
    found = await find_sandbox(access, name)
    context: dict[str, object] = {"section": "sandboxes", "name": name}
    context |= {"problem": found} if isinstance(found, Problem) else {"sandbox": found}
    return await answer(
        request, access, "resources/sandbox_delete.html", context, fragment="resources/_sandbox_delete.html"
    )
