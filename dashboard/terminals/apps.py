"""The app's registration."""

from django.apps import AppConfig


class TerminalsConfig(AppConfig):
    """Terminals of sandboxes."""

    name = "dashboard.terminals"
    label = "terminals"
