"""Runs inside the console's own process environment: makes a team with one person a role, signed in.

Reads a line of JSON a team, ``{"slug", "name", "api_endpoint", "api_key"}``, and answers each with a line
``{"owner": {"username", "session"}, …}``: the roles, and ``outsider``, who belongs to another team. No password is
hashed and no form is filled. It imports nothing of the tests: the console's user cannot reach them everywhere.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django

os.umask(0o077)
django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402

from dashboard.accounts.models import User  # noqa: E402
from dashboard.teams.models import Membership, Role, Team  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def signed_in(person: User) -> dict[str, str]:
    """A session of this person, as a cookie's value."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return {"username": person.get_username(), "session": str(session.session_key)}


def seat(wanted: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Make the team, its people, and the outsider with a team of their own."""
    slug, endpoint, key = wanted["slug"], wanted["api_endpoint"], wanted["api_key"]
    team = Team.objects.create(name=wanted["name"], slug=slug, api_endpoint=endpoint, api_key=key)
    other = Team.objects.create(name="Another team", slug=f"{slug}-other", api_endpoint=endpoint, api_key="none")
    people: dict[str, dict[str, str]] = {}
    for role in [*Role, None]:
        name = role.value if role else "outsider"
        person = User.objects.create(username=f"{name}-{slug}", email=f"{name}-{slug}@example.org")
        Membership.objects.create(team=team if role else other, user=person, role=role or Role.OWNER)
        people[name] = signed_in(person)
    return people


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(seat(json.loads(line))), flush=True)
