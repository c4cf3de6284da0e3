"""``manage.py bootstrap``: makes a console ready to be served. Safe to run before every start.

It makes the secret key, brings the database up to date, collects static files, and makes the owner and the first
team where there are none. It reads ``{"api_endpoint", "console_key"}`` as JSON from standard input, the address and a
key of the sandbox server (an empty input leaves the team as it is), and writes ``{"username", "password"}`` as JSON
to standard output; ``password`` only when the person was made just now, or with ``--new-password``. The log goes to
standard error.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from dashboard.accounts.models import User
from dashboard.secret_key import make_secret_key
from dashboard.teams.actions import connect_team, create_team
from dashboard.teams.models import Membership, Role, Team

if TYPE_CHECKING:
    from argparse import ArgumentParser

MAX_INPUT = 64 * 1024
FIRST_TEAM = ("Default team", "default")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the sandbox server is, and the key that names its workspace."""

    endpoint: str
    key: str


class Command(BaseCommand):
    """The command's steps."""

    help = "Make the console ready to be served: secret key, database, static files, owner, first team."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--username", default="admin", help="User name of the owner to be made.")
        parser.add_argument(
            "--new-password", action="store_true", help="Give an owner who is there already a new password."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do every step that is still to be done."""
        connection = read_connection(sys.stdin.read(MAX_INPUT))
        # The database holds sessions: nobody else on the machine reads it.
        os.umask(0o077)
        settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
        if not settings.SECRET_KEY_FILE.exists():
            settings.SECRET_KEY = make_secret_key(settings.SECRET_KEY_FILE)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        owner, password = make_owner(options["username"], new_password=options["new_password"])
        if connection is not None:
            make_team(owner, connection)
        answer = {"username": owner.get_username()} | ({"password": password} if password else {})
        self.stdout.write(json.dumps(answer))


def read_connection(text: str) -> Connection | None:
    """Read standard input. Raises ``CommandError`` on what is neither empty nor the JSON that is documented."""
    if not text.strip():
        return None
    try:
        given = json.loads(text)
    except ValueError as error:
        raise CommandError(f"Standard input is not JSON: {error}") from error
    if not isinstance(given, dict) or not isinstance(given.get("api_endpoint"), str):
        raise CommandError('Standard input must be {"api_endpoint": "…", "console_key": "…"}.')
    return Connection(given["api_endpoint"].rstrip("/"), str(given.get("console_key") or ""))


def make_owner(username: str, *, new_password: bool = False) -> tuple[User, str]:
    """The owner of the instance: the first team's, else a person made now, with their password."""
    membership = Membership.objects.filter(role=Role.OWNER).select_related("user").order_by("pk").first()
    if membership is not None:
        person, made = membership.user, False
    else:
        person, made = User.objects.get_or_create(username=username)
    if not (made or new_password) and person.has_usable_password():
        return person, ""
    password = secrets.token_urlsafe(15)
    person.set_password(password)
    person.save()
    return person, password


def make_team(owner: User, connection: Connection) -> None:
    """Make the first team, or give it the server's new address or key.

    Raises ``CommandError`` where the team needs a key and none was given.
    """
    name, slug = FIRST_TEAM
    team = Team.objects.defer("api_key").order_by("pk").first()
    if team is None:
        if not connection.key:
            raise CommandError("The first team needs a key of the sandbox server: console_key is empty.")
        create_team(actor=None, owner=owner, name=name, slug=slug, endpoint=connection.endpoint, api_key=connection.key)
    elif connection.key and connection != known_connection(team):
        connect_team(actor=None, team=team, endpoint=connection.endpoint, api_key=connection.key)
    elif connection.endpoint != team.api_endpoint:
        connect_team(actor=None, team=team, endpoint=connection.endpoint, api_key=team.api_key)


def known_connection(team: Team) -> Connection | None:
    """What the team is connected to; None where the stored key does not open with today's secret key."""
    from django.core.exceptions import ImproperlyConfigured

    try:
        return Connection(team.api_endpoint, team.api_key)
    except ImproperlyConfigured:
        return None
