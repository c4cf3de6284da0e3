"""The app's registration."""

from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    """Pages of templates and sandboxes. It has no tables: the sandbox server has them."""

    name = "dashboard.resources"
    label = "resources"
