"""The app's registration."""

from typing import Any

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Live pages. It has no tables."""

    name = "dashboard.live"
    label = "live"

    def ready(self) -> None:
        """Hear of every row of activity that this process writes."""
        from django.db.models.signals import post_save

        from dashboard.audit.models import Event
        from dashboard.live.activity import tell_of

        def written(instance: Event, created: bool, **_: Any) -> None:
            if created:
                tell_of(instance)

        post_save.connect(written, sender=Event, weak=False, dispatch_uid="live-activity")
