"""Addresses of templates and sandboxes, below ``/t/<team>/``.

People choose names, so no address of ours may hide one: beside names stand only words without a slash after them
(``new``, ``bulk``), and what is named has one (``new/``).
"""

from django.urls import include, path

from dashboard.lists.urls import list_urls
from dashboard.resources.lists.history import HISTORY
from dashboard.resources.lists.sandboxes import SANDBOXES
from dashboard.resources.lists.templates import TEMPLATES
from dashboard.resources.views import (
    overview,
    rename,
    sandbox,
    sandbox_delete,
    sandbox_new,
    sandbox_past,
    template,
    template_delete,
    template_new,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("metrics", overview.overview_data, name="overview_data"),
    path("sandboxes/", include("dashboard.resources.inside_urls")),
    *list_urls(SANDBOXES, "sandboxes/"),
    *list_urls(HISTORY, "history/"),
    path("history/<str:sandbox_id>/", sandbox_past.sandbox_past, name="sandbox_past"),
    path("sandboxes/new", sandbox_new.sandbox_new, name="sandbox_new"),
    path("sandboxes/<str:name>/", sandbox.sandbox, name="sandbox"),
    path("sandboxes/<str:name>/delete", sandbox_delete.sandbox_delete, name="sandbox_delete"),
    path("volumes/", include("dashboard.resources.urls_of_volumes")),
    path("pools/", include("dashboard.resources.urls_of_pools")),
    *list_urls(TEMPLATES, "templates/"),
    path("templates/new", template_new.template_new, name="template_new"),
    path("templates/<str:name>/", template.template, name="template"),
    path("templates/<str:name>/rename", rename.template_rename, name="template_rename"),
    path("templates/<str:name>/delete", template_delete.template_delete, name="template_delete"),
]
