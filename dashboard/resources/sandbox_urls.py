"""Addresses of one sandbox's page, below ``/t/<team>/sandboxes/``."""

from django.urls import path

from dashboard.resources.views import (
    sandbox_extend,
    sandbox_head,
    sandbox_settings,
    sandbox_timeline,
)

urlpatterns = [
    path("<str:name>/head", sandbox_head.sandbox_head, name="sandbox_head"),
    path("<str:name>/extend", sandbox_extend.sandbox_extend, name="sandbox_extend"),
    path("<str:name>/timeline/", sandbox_timeline.sandbox_timeline, name="sandbox_timeline"),
    path("<str:name>/settings/", sandbox_settings.sandbox_settings, name="sandbox_settings"),
]
