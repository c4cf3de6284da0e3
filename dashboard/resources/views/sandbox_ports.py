"""What listens in a sandbox, and showing it in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.views.decorators.http import require_POST

from dashboard.frame import answer
from dashboard.resources.actions.inside import open_service
from dashboard.resources.forms.ports import PreviewForm
from dashboard.resources.inside import inside_page
from dashboard.resources.page import find_sandbox
from dashboard.resources.ports import rows_of
from dashboard.resources.tunnels import by_command, in_python, local_port
from dashboard.teams.access import require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_PORT = 65535
_WEB_ADDRESS = re.compile(r"https?://[!-~]+")


@require("sandbox.view")
async def sandbox_ports(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """The listening ports of a ready sandbox."""
    found = await find_sandbox(access, name)
    context: dict[str, Any] = {"form": PreviewForm()}
    if not isinstance(found, Problem) and found.status == "ready":
        listed = await attempt(found.ports())
        context |= {"problem": listed} if isinstance(listed, Problem) else {"rows": rows_of(listed)}
    return await inside_page(request, access, found, "ports", context=context, fragment="resources/_sandbox_ports.html")


@require("sandbox.view")
async def port_connect(request: HttpRequest, access: Access, name: str, port: int) -> HttpResponse:
    """How a program outside reaches a port: a tunnel by the command line and in Python."""
    if not 0 < port <= MAX_PORT:
        raise Http404
    context = {
        "section": "sandboxes",
        "name": name,
        "port": port,
        "local": local_port(port),
        "command": by_command(access.team, name, port),
        "python": in_python(access.team, name, port),
    }
    return await answer(
        request, access, "resources/port_connect.html", context, fragment="resources/_port_connect.html"
    )


@require_POST
@require("sandbox.preview")
async def port_open(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Make an address for a port and lead the new tab there.

    The page that leads there is of this console, as its policy lets no form end elsewhere.
    """
    form = PreviewForm(request.POST)
    context: dict[str, Any] = {"section": "sandboxes", "name": name}
    if not form.is_valid():
        context["problem"] = Problem("Choose a port from 1 to 65535 and one of the durations.", status=400)
    else:
        port, seconds = form.cleaned_data["port"], form.cleaned_data["seconds"]
        address = await attempt(open_service(access=access, name=name, port=port, seconds=seconds))
        if isinstance(address, Problem):
            context |= {"problem": address, "port": port}
        elif not _WEB_ADDRESS.fullmatch(address):
            context |= {"problem": Problem("The sandbox server gave no address that a browser can open."), "port": port}
        else:
            context |= {"address": address, "port": port}
    status = context["problem"].status if "problem" in context else 200
    response = await answer(request, access, "resources/port_open.html", context, status=status)
    if "address" in context:
        response.headers["Refresh"] = f"0; url={context['address']}"
        response.headers["Referrer-Policy"] = "no-referrer"
        # Whoever has the address may use it: no disk keeps it.
        response.headers["Cache-Control"] = "private, no-store"
    return response
