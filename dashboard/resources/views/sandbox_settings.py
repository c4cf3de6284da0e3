"""A sandbox's settings: its name, when it ends, its end, and how a program reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from dashboard.resources.actions import sandboxes as actions
from dashboard.resources.forms.lifetimes import LifetimesForm, present
from dashboard.resources.forms.sandboxes import RenameForm
from dashboard.resources.lifetimes import end_of_idleness, end_of_lifetime
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.resources.forms.base import ApiForm
    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox


@require("sandbox.update")
async def sandbox_settings(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Rename a sandbox, change when it ends, or delete it."""
    found = await find_sandbox(access, name)
    if isinstance(found, Problem):
        return await sandbox_page(request, access, found, "resources/sandbox_settings.html", tab="settings")
    longest = await _longest(access)
    about_lifetimes = "lifetime" in request.POST
    asked = request.POST or None
    rename = RenameForm(None if about_lifetimes else asked, initial={"name": name})
    lifetimes = LifetimesForm(asked if about_lifetimes else None, initial=present(found, longest), longest=longest)
    if request.method == "POST":
        done = await (_change(access, name, lifetimes) if about_lifetimes else _rename(access, name, rename))
        if done is not None:
            messages.success(request, done[1])
            return redirect("sandbox_settings", team=access.team.slug, name=done[0].name)
    return await sandbox_page(
        request,
        access,
        found,
        "resources/sandbox_settings.html",
        tab="settings",
        context={
            "form": rename,
            "lifetimes": lifetimes,
            "longest": longest,
            "idle_end": end_of_idleness(found),
            "lifetime_end": end_of_lifetime(found),
        },
        status=422 if rename.errors or lifetimes.errors else 200,
    )


async def _longest(access: Access) -> int | None:
    """The workspace's longest lifetime in seconds; None where there is none, or the server does not tell."""
    limits = await attempt(client_for(access.team, access.user).get_limits())
    return None if isinstance(limits, Problem) else limits.max_ttl_seconds


async def _rename(access: Access, name: str, form: RenameForm) -> tuple[AsyncSandbox, str] | None:
    if not form.is_valid():
        return None
    renamed = await attempt(actions.rename_sandbox(access=access, name=name, new_name=form.cleaned_data["name"]))
    return _done(form, renamed, f"{name} is now called {{}}.")


async def _change(access: Access, name: str, form: LifetimesForm) -> tuple[AsyncSandbox, str] | None:
    if not form.is_valid():
        return None
    wanted = form.cleaned_data
    changed = await attempt(
        actions.change_lifetimes(
            access=access, name=name, ttl_seconds=wanted["ttl_seconds"], idle_ttl_seconds=wanted["idle_ttl_seconds"]
        )
    )
    return _done(form, changed, "The lifetimes of {} were changed.")


def _done(form: ApiForm, outcome: AsyncSandbox | Problem, words: str) -> tuple[AsyncSandbox, str] | None:
    if isinstance(outcome, Problem):
        form.show(outcome)
        return None
    return outcome, words.replace("{}", outcome.name)
