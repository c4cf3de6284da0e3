"""Running a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect

from dashboard.commands import actions
from dashboard.commands.forms import DEFAULT_TIMEOUT, RunForm
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_ID = 200


@require("command.run")
async def command_run(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Run a command and go to its page. ``?again=`` is a command of this sandbox to begin from."""
    found = await find_sandbox(access, name)
    initial = await initial_of(access, name, request.GET.get("again", "")[:MAX_ID])
    form = RunForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and not isinstance(found, Problem) and form.is_valid():
        started = await attempt(actions.run_command(access=access, sandbox=found, **form.cleaned_data))
        if not isinstance(started, Problem):
            return redirect("command", team=access.team.slug, name=name, command_id=started)
        form.show(started)
    return await sandbox_page(
        request,
        access,
        found,
        "commands/run.html",
        tab="commands",
        context={"form": form},
        status=422 if form.errors else 200,
    )


async def initial_of(access: Access, name: str, again: str) -> dict[str, Any]:
    """The form's values: of the command to run again, all but the values of variables, which nobody keeps."""
    initial: dict[str, Any] = {"time_limit": DEFAULT_TIMEOUT}
    if not again:
        return initial
    before = await attempt(client_for(access.team, access.user).get_command(name, again))
    if isinstance(before, Problem):
        return initial
    # The beginning of a long command is another command.
    command = "" if before.command_cut else before.command
    return initial | {"command": command, "cwd": before.cwd, "env_names": before.env_names}
