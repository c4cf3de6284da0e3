"""The pages that belong to no team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.db import DatabaseError, connection
from django.http import JsonResponse
from django.shortcuts import redirect, render, resolve_url

from dashboard.teams.models import Team

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase


async def home(request: HttpRequest) -> HttpResponseBase:
    """Lead to the overview of the team that was looked at last, or of the first."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect_to_login("/", resolve_url("account_login"))
    teams = [team async for team in Team.objects.filter(members=user)]
    if not teams:
        return render(request, "errors/no_team.html", {"person": user})
    last = await request.session.aget("team")
    team = next((team for team in teams if team.slug == last), teams[0])
    return redirect("overview", team=team.slug)


async def healthz(request: HttpRequest) -> HttpResponseBase:
    """Say whether the console can serve: 200 when the database answers, else 503."""
    try:
        await sync_to_async(_ask_database)()
    except DatabaseError as error:
        return JsonResponse({"status": "unavailable", "database": str(error)}, status=503)
    return JsonResponse({"status": "ok"})


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
