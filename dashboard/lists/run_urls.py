"""Addresses below ``/t/<team>/runs/``."""

from django.urls import path

from dashboard.lists import bulk

urlpatterns = [
    path("<uuid:run>/", bulk.bulk_run, name="bulk_run"),
    path("<uuid:run>/start", bulk.bulk_start, name="bulk_start"),
    path("<uuid:run>/cancel", bulk.bulk_cancel, name="bulk_cancel"),
]
