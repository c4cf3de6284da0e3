"""The app's registration."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """Teams, members and permissions."""

    name = "dashboard.teams"
    label = "teams"
