"""The pages shown when something is refused or fails. None reads the database, which may be what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from dashboard.teams.access import NotAllowedError

if TYPE_CHECKING:
    from django.http import HttpRequest


def _plain(template: str, status: int, **context: str) -> HttpResponse:
    """A page without the frame, the session and the messages."""
    return HttpResponse(render_to_string(template, context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request itself was wrong."""
    return _plain("errors/400.html", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: say which role is needed, in the frame of the team."""
    if not isinstance(exception, NotAllowedError):
        return _plain("errors/403.html", 403, reason=str(exception))
    access = exception.access
    context = {
        "access": access,
        "person": access.user,
        "team": access.team,
        "teams": [access.team],
        "needed": exception.needed,
    }
    return render(request, "errors/403_role.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: also what a person who is not a member of a team sees."""
    return _plain("errors/404.html", 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a fault of the console; the log has the traceback."""
    return _plain("errors/500.html", 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form did not carry this browser's token."""
    return _plain("errors/csrf.html", 403, reason=reason)
