"""What runs in a sandbox now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse

from dashboard.confirm import Question, ask
from dashboard.resources.actions.inside import end_process
from dashboard.resources.inside import inside_page
from dashboard.resources.page import find_sandbox
from dashboard.resources.processes import Sort, headings, row_of
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt
from dashboard.templatetags.console import when

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access
    from sandboxcore import AsyncSandbox

MAX_SHOWN = 500


@require("sandbox.view")
async def sandbox_processes(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The processes of a ready sandbox; ``?sort=`` is a column, after ``-`` for the largest first."""
    found = await find_sandbox(access, name)
    sort = Sort.read(request.GET.get("sort", ""))
    context: dict[str, Any] = {"sort": sort, "headings": headings(sort)}
    if not isinstance(found, Problem) and found.status == "ready":
        context |= await _listed(found, sort)
    return await inside_page(
        request, access, found, "processes", context=context, fragment="resources/_sandbox_processes.html"
    )


async def _listed(sandbox: AsyncSandbox, sort: Sort) -> dict[str, Any]:
    """The rows, or why there are none to show."""
    listed = await attempt(sandbox.processes())
    if isinstance(listed, Problem):
        return {"problem": listed}
    return {
        "rows": [row_of(each) for each in sort.of(listed)[:MAX_SHOWN]],
        "total": len(listed),
        "more": listed.truncated or len(listed) > MAX_SHOWN,
    }


@require("sandbox.signal")
async def process_end(request: HttpRequest, access: Access, name: str, pid: int) -> HttpResponse:
    """End a process, after asking; ``started`` says which of those that had its number."""
    if request.method != "POST":
        return await ask(request, access, await _question(access, name, pid), section="sandboxes")
    started_at = request.POST.get("started", "")
    ended = await attempt(end_process(access=access, name=name, pid=pid, started_at=started_at))
    if isinstance(ended, Problem):
        messages.error(request, f"Process {pid} was not ended: {ended.message}")
    else:
        messages.success(request, f"Process {pid} was asked to end.")
    return redirect("sandbox_processes", team=access.team.slug, name=name)


async def _question(access: Access, name: str, pid: int) -> Question:
    """What is asked before a process is ended."""
    place = {"team": access.team.slug, "name": name}
    question = Question(
        title=f"End process {pid}?",
        button="End process",
        action=reverse("process_end", kwargs={**place, "pid": pid}),
        cancel=reverse("sandbox_processes", kwargs=place),
        icon="x",
    )
    found = await find_sandbox(access, name)
    listed = found if isinstance(found, Problem) else await attempt(found.processes())
    if isinstance(listed, Problem):
        return replace(question, refused=listed.message)
    process = next((each for each in listed if each.pid == pid), None)
    if process is None or not row_of(process).can_end:
        return replace(question, refused=f"Process {pid} {'cannot be ended' if process else 'has ended already'}.")
    row = row_of(process)
    return replace(
        question,
        loses=("It is asked to end (SIGTERM). What it has not saved may be lost; it may take its time, or refuse.",),
        facts=(("Sandbox", name), ("Command", row.command), ("User", row.user), ("Started", when(row.started_at))),
        hidden={"started": row.started_at},
    )
