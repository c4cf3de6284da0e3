"""The addresses of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import path

from dashboard.lists.bulk import bulk_view
from dashboard.lists.csv import csv_view
from dashboard.lists.page import list_view
from dashboard.lists.spec import REGISTRY

if TYPE_CHECKING:
    from django.urls import URLPattern

    from dashboard.lists.spec import ListSpec


def list_urls(spec: ListSpec[Any], prefix: str) -> list[URLPattern]:
    """The list's page, its file and where selections are sent, below ``prefix``, which ends in ``/`` or is empty."""
    REGISTRY[spec.name] = spec
    return [
        path(prefix, list_view(spec), name=spec.name),
        path(f"{prefix}export.csv", csv_view(spec), name=f"{spec.name}_csv"),
        path(f"{prefix}bulk", bulk_view(spec), name=f"{spec.name}_bulk"),
    ]
