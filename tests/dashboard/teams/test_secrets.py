"""Secrets in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from dashboard.teams.models import Team

if TYPE_CHECKING:
    from typing import Any

    from tests.dashboard.conftest import Cast


def test_it_works(cast: Cast) -> None:
    Team.objects.filter(pk=cast.team.pk).update(api_key="a key of käse")
    assert Team.objects.get(pk=cast.team.pk).api_key == "a key of käse"
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM teams_team WHERE id = %s", [cast.team.pk])
        stored = cursor.fetchone()[0]
    assert "key" not in stored
    assert stored.startswith("gAAAA")


def test_under_another_secret_key_it_does_not_open_and_says_what_to_do(cast: Cast, settings: Any) -> None:
    settings.SECRET_KEY = "another key, as long as a key of a machine has to be"
    with pytest.raises(ImproperlyConfigured, match="CONSOLE_SECRET_KEY_FILE"):
        Team.objects.get(pk=cast.team.pk)
