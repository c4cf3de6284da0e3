"""Addresses of templates and sandboxes, below ``/t/<team>/``."""

from django.urls import path

from dashboard.resources.views import overview, sandboxes, templates

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("sandboxes/", sandboxes.sandbox_list, name="sandbox_list"),
    path("sandboxes/new", sandboxes.sandbox_new, name="sandbox_new"),
    path("sandboxes/<str:name>/", sandboxes.sandbox, name="sandbox"),
    path("sandboxes/<str:name>/row", sandboxes.sandbox_row, name="sandbox_row"),
    path("sandboxes/<str:name>/settings", sandboxes.sandbox_settings, name="sandbox_settings"),
    path("sandboxes/<str:name>/delete", sandboxes.sandbox_delete, name="sandbox_delete"),
    path("templates/", templates.template_list, name="template_list"),
    path("templates/new", templates.template_new, name="template_new"),
    path("templates/<str:name>/delete", templates.template_delete, name="template_delete"),
]
