"""``/healthz``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import OperationalError, connection
from django.test import Client

if TYPE_CHECKING:
    import pytest


def test_it_works(db: None) -> None:
    answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_without_the_database_it_says_so(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("unable to open database file")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", fail)
        answer = Client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unable to open database file"
