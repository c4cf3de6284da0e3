"""The app's registration."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Recordings of terminals."""

    name = "dashboard.recordings"
    label = "recordings"
