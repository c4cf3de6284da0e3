"""The team's page: who belongs to it, as what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect

from dashboard.frame import answer
from dashboard.recordings.policy import policy_of
from dashboard.teams import actions
from dashboard.teams.access import require
from dashboard.teams.forms import AddMemberForm, RoleForm
from dashboard.teams.models import Membership, Role
from dashboard.teams.permissions import TABLE, roles_that_may_be_given

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from dashboard.teams.access import Access

MAX_MEMBERS = 500


@require("member.view")
async def team(request: HttpRequest, access: Access) -> HttpResponse:
    """Members and their roles, and what each role may do."""
    rows = Membership.objects.filter(team=access.team).select_related("user")[:MAX_MEMBERS]
    members = [row async for row in rows]
    givable = {role.value for role in roles_that_may_be_given(access.role)}
    context = {
        "section": "team",
        "members": members,
        "givable": givable,
        "recording_policy": await policy_of(access.team),
        "roles": list(Role),
        "table": [(action, [role in roles for role in Role]) for action, roles in TABLE.items()],
    }
    return await answer(request, access, "teams/team.html", context)


@require("member.manage")
async def member_new(request: HttpRequest, access: Access) -> HttpResponse:
    """Add an existing person to the team."""
    form = AddMemberForm(request.POST or None, access=access)
    if request.method == "POST" and form.is_valid():
        try:
            membership = await sync_to_async(actions.add_member)(access=access, **form.cleaned_data)
        except actions.TeamChangeError as error:
            form.add_error("who", str(error))
        else:
            messages.success(request, f"{membership.user.get_username()} is now a member of the team.")
            return redirect("team", team=access.team.slug)
    status = 422 if form.errors else 200
    context = {"section": "team", "form": form}
    return await answer(request, access, "teams/member_new.html", context, status=status)


@require("member.manage")
async def member_role(request: HttpRequest, access: Access, member: int) -> HttpResponse:
    """Change a member's role."""
    membership = await _member(access, member)
    form = RoleForm(request.POST or None, access=access, initial={"role": membership.role})
    if request.method == "POST" and form.is_valid():
        try:
            await sync_to_async(actions.change_role)(
                access=access, membership_id=member, role=form.cleaned_data["role"]
            )
        except actions.TeamChangeError as error:
            form.add_error("role", str(error))
        else:
            messages.success(request, f"The role of {membership.user.get_username()} was changed.")
            return redirect("team", team=access.team.slug)
    context = {"section": "team", "form": form, "membership": membership}
    return await answer(
        request,
        access,
        "teams/member_role.html",
        context,
        fragment="teams/_member_role.html",
        status=422 if form.errors else 200,
    )


@require("member.manage")
async def member_remove(request: HttpRequest, access: Access, member: int) -> HttpResponse:
    """Take a member out of the team, after asking."""
    membership = await _member(access, member)
    if request.method == "POST":
        try:
            await sync_to_async(actions.remove_member)(access=access, membership_id=member)
        except actions.TeamChangeError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{membership.user.get_username()} is no longer a member of {access.team}.")
            if membership.user_id == access.user.pk:
                return redirect("home")
        return redirect("team", team=access.team.slug)
    context = {"section": "team", "membership": membership}
    return await answer(request, access, "teams/member_remove.html", context, fragment="teams/_member_remove.html")


async def _member(access: Access, member: int) -> Membership:
    found = await Membership.objects.select_related("user").filter(team=access.team, pk=member).afirst()
    if found is None:
        raise Http404("There is no such member.")
    return found
