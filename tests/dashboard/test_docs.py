"""The documentation names every setting, command, role and page."""

from __future__ import annotations

from django.conf import settings
from django.core.management import get_commands

from dashboard.teams.models import Role
from dashboard.teams.permissions import TABLE

TEXT = (settings.BASE_DIR / "docs" / "console.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_as_it_is_declared() -> None:
    declared = settings.ENVIRONMENT.declared
    assert len(declared) > 6
    for setting in declared.values():
        row = next((line for line in TEXT.splitlines() if line.startswith(f"| `{setting.name}` |")), "")
        assert setting.help in row, setting.name


def test_no_setting_is_documented_that_is_not_there() -> None:
    rows = [line.split("`")[1] for line in TEXT.splitlines() if line.startswith("| `CONSOLE_")]
    assert sorted(rows) == sorted(settings.ENVIRONMENT.declared)


def test_every_command_of_ours_is_documented() -> None:
    ours = [name for name, app in get_commands().items() if app.startswith("dashboard.")]
    assert ours
    for name in ours:
        assert f"manage.py {name}" in TEXT


def test_the_table_of_roles_is_the_one_in_code() -> None:
    for action, roles in TABLE.items():
        marks = " | ".join("yes" if role in roles else "no" for role in Role)
        assert f"| `{action}` | {marks} |" in TEXT
