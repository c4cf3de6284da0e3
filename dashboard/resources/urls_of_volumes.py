"""Addresses of volumes, below ``/t/<team>/volumes/``."""

from django.urls import path

from dashboard.lists.urls import list_urls
from dashboard.resources.lists.volumes import VOLUMES
from dashboard.resources.views import rename, volume, volume_delete, volume_grow, volume_new

urlpatterns = [
    *list_urls(VOLUMES, ""),
    path("new", volume_new.volume_new, name="volume_new"),
    path("<str:name>/", volume.volume, name="volume"),
    path("<str:name>/grow", volume_grow.volume_grow, name="volume_grow"),
    path("<str:name>/rename", rename.volume_rename, name="volume_rename"),
    path("<str:name>/delete", volume_delete.volume_delete, name="volume_delete"),
]
