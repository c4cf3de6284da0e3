"""``manage.py createuser``."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from dashboard.accounts.models import User


def test_it_works(db: None) -> None:
    out = io.StringIO()
    call_command("createuser", "maria", "--email", "maria@example.org", stdout=out)
    name, password = out.getvalue().split()
    person = User.objects.get(username=name)
    assert person.check_password(password)
    assert person.email == "maria@example.org"
    assert not person.is_staff


@pytest.mark.parametrize(
    ("arguments", "words"), [(["mäh rie"], "valid username"), (["maria", "--email", "x"], "valid email")]
)
def test_what_will_not_do_is_refused(db: None, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("createuser", *arguments)
    assert not User.objects.exists()


def test_a_taken_name_is_refused(db: None) -> None:
    User.objects.create_user("maria")
    with pytest.raises(CommandError, match="already"):
        call_command("createuser", "maria")
