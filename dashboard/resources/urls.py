"""Addresses of templates and sandboxes, below ``/t/<team>/``."""

from django.urls import path

from dashboard.resources.views import (
    overview,
    sandbox,
    sandbox_delete,
    sandbox_list,
    sandbox_new,
    sandbox_settings,
    template_delete,
    template_list,
    template_new,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("sandboxes/", sandbox_list.sandbox_list, name="sandbox_list"),
    path("sandboxes/new", sandbox_new.sandbox_new, name="sandbox_new"),
    path("sandboxes/<str:name>/", sandbox.sandbox, name="sandbox"),
    path("sandboxes/<str:name>/row", sandbox_list.sandbox_row, name="sandbox_row"),
    path("sandboxes/<str:name>/settings", sandbox_settings.sandbox_settings, name="sandbox_settings"),
    path("sandboxes/<str:name>/delete", sandbox_delete.sandbox_delete, name="sandbox_delete"),
    path("templates/", template_list.template_list, name="template_list"),
    path("templates/new", template_new.template_new, name="template_new"),
    path("templates/<str:name>/delete", template_delete.template_delete, name="template_delete"),
]
