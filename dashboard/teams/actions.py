"""Every write about teams: one transaction, one row in the activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q

from dashboard.accounts.models import User
from dashboard.audit.record import record
from dashboard.teams.models import Membership, Role, Team
from dashboard.teams.permissions import roles_that_may_be_given

if TYPE_CHECKING:
    from dashboard.teams.access import Access


class TeamChangeError(Exception):
    """The change is refused; the message says why, to the person who asked for it."""


def create_team(*, actor: User | None, owner: User, name: str, slug: str, endpoint: str, api_key: str) -> Team:
    """Make a team with its first owner."""
    with transaction.atomic():
        team = Team.objects.create(name=name, slug=slug, api_endpoint=endpoint, api_key=api_key)
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        record(actor=actor, team=team, action="team.created", target=name, detail={"owner": owner.get_username()})
    return team


def connect_team(*, actor: User | None, team: Team, endpoint: str, api_key: str) -> None:
    """Point the team at a sandbox server, with a key of one of its workspaces."""
    with transaction.atomic():
        team.api_endpoint = endpoint
        team.api_key = api_key
        team.save(update_fields=["api_endpoint", "api_key"])
        record(actor=actor, team=team, action="team.connected", target=endpoint)


def add_member(*, access: Access, who: str, role: Role) -> Membership:
    """Add an existing person, found by user name or e-mail address. Raises ``TeamChangeError``."""
    _refuse_unless_givable(access, role)
    with transaction.atomic():
        people = list(User.objects.filter(Q(username__iexact=who) | Q(email__iexact=who), is_active=True)[:2])
        if len(people) != 1:
            raise TeamChangeError(
                f"Nobody here has the user name or e-mail address {who}."
                if not people
                else f"More than one person has the address {who}: give the user name."
            )
        try:
            with transaction.atomic():
                membership = Membership.objects.create(team=access.team, user=people[0], role=role)
        except IntegrityError as error:
            raise TeamChangeError(f"{people[0].get_username()} is already a member.") from error
        record(
            actor=access.user,
            team=access.team,
            action="member.added",
            target=people[0].get_username(),
            detail={"role": role.value},
        )
    return membership


def change_role(*, access: Access, membership_id: int, role: Role) -> Membership:
    """Give a member another role. Raises ``TeamChangeError``, ``Membership.DoesNotExist``."""
    with transaction.atomic():
        membership = _locked(access.team, membership_id)
        before = Role(membership.role)
        _refuse_unless_givable(access, role)
        _refuse_unless_givable(access, before)
        if before == role:
            return membership
        if before == Role.OWNER:
            _refuse_last_owner(access.team)
        membership.role = role
        membership.save(update_fields=["role"])
        record(
            actor=access.user,
            team=access.team,
            action="member.role_changed",
            target=membership.user.get_username(),
            detail={"from": before.value, "to": role.value},
        )
    return membership


def remove_member(*, access: Access, membership_id: int) -> Membership:
    """Take a member out of the team. Raises ``TeamChangeError``, ``Membership.DoesNotExist``."""
    with transaction.atomic():
        membership = _locked(access.team, membership_id)
        _refuse_unless_givable(access, Role(membership.role))
        if membership.role == Role.OWNER:
            _refuse_last_owner(access.team)
        name = membership.user.get_username()
        Membership.objects.filter(pk=membership.pk).delete()
        record(
            actor=access.user,
            team=access.team,
            action="member.removed",
            target=name,
            detail={"role": membership.role},
        )
    return membership


def _locked(team: Team, membership_id: int) -> Membership:
    """The membership, with all owners of the team locked, so that two changes cannot both spare the last owner."""
    list(Membership.objects.select_for_update().filter(team=team, role=Role.OWNER).values_list("pk"))
    return Membership.objects.select_related("user").get(team=team, pk=membership_id)


def _refuse_unless_givable(access: Access, role: Role) -> None:
    if role not in roles_that_may_be_given(access.role):
        raise TeamChangeError(f"Your role, {access.role.label}, cannot give or take the role {role.label}.")


def _refuse_last_owner(team: Team) -> None:
    if Membership.objects.filter(team=team, role=Role.OWNER).count() == 1:
        raise TeamChangeError("A team keeps at least one owner: make somebody else an owner first.")
