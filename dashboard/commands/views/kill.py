"""Ending a command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse

from dashboard.commands import actions
from dashboard.confirm import Question, ask
from dashboard.teams.access import require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

SHOWN = 300


@require("command.kill")
async def command_kill(request: HttpRequest, access: Access, name: str, command_id: str) -> HttpResponse:
    """End a command, after asking."""
    where = {"team": access.team.slug, "name": name, "command_id": command_id}
    if request.method == "POST":
        killed = await attempt(actions.kill_command(access=access, sandbox_name=name, command_id=command_id))
        if isinstance(killed, Problem):
            messages.error(request, killed.message)
        else:
            messages.success(request, "The command was ended.")
        return redirect(reverse("command", kwargs=where))
    record = await attempt(client_for(access.team, access.user).get_command(name, command_id))
    question = Question(
        title="End this command?",
        button="End command",
        action=reverse("command_kill", kwargs=where),
        cancel=reverse("command", kwargs=where),
        loses=("It and all that it started are killed at once. What it has written stays.",),
        icon="player-stop",
    )
    if isinstance(record, Problem):
        question = replace(question, refused=record.message)
    else:
        question = replace(question, facts=(("Command", record.command[:SHOWN]), ("Started by", record.actor)))
    return await ask(request, access, question, section="sandboxes")
