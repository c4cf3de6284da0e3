"""``manage.py createuser NAME``: makes an account and prints its first password."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from dashboard.accounts.models import User

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Makes one account; a team's owner or admin then adds the person to the team."""

    help = "Make an account and print its first password, which the person changes after signing in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username")
        parser.add_argument("--email", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the account. Raises ``CommandError`` where the name or the address will not do."""
        password = secrets.token_urlsafe(15)
        person = User(username=options["username"], email=options["email"])
        person.set_password(password)
        try:
            person.full_clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        person.save()
        self.stdout.write(f"{person.get_username()}  {password}")
