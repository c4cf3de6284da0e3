"""The app's registration."""

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    """Pages of commands. It has no tables: the sandbox server records them."""

    name = "dashboard.commands"
    label = "commands"
