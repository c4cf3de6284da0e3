"""The pages shown when something is refused or fails. They read nothing from the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from dashboard.teams.access import NotAllowedError

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request itself was wrong."""
    return render(request, "errors/400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: say which role is needed, in the frame of the team."""
    if not isinstance(exception, NotAllowedError):
        return render(request, "errors/403.html", {"reason": str(exception)}, status=403)
    access = exception.access
    context = {
        "access": access,
        "person": access.user,
        "teams": [access.team],
        "needed": exception.needed,
    }
    return render(request, "errors/403_role.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: also what a person who is not a member of a team sees."""
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a fault of the console; the log has the traceback."""
    return render(request, "errors/500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form did not carry this browser's token."""
    return render(request, "errors/csrf.html", {"reason": reason}, status=403)
