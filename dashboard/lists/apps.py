"""The app's registration."""

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Lists, and what is done to many of their rows at once."""

    name = "dashboard.lists"
    label = "lists"
