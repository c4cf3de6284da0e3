"""Addresses below ``/t/<team>/recordings/``."""

from django.urls import path

from dashboard.lists.urls import list_urls
from dashboard.recordings import views
from dashboard.recordings.list import RECORDINGS

urlpatterns = [
    *list_urls(RECORDINGS, ""),
    path("setting", views.recording_policy, name="recording_policy"),
    path("sign", views.recording_sign, name="recording_sign"),
    path("<uuid:recording_id>/", views.recording, name="recording"),
    path("<uuid:recording_id>/file", views.recording_file, name="recording_file"),
    path("<uuid:recording_id>/search", views.recording_search, name="recording_search"),
    path("<uuid:recording_id>/delete", views.recording_delete, name="recording_delete"),
]
