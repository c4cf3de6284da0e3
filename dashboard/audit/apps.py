"""The app's registration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The activity of teams."""

    name = "dashboard.audit"
    label = "audit"
