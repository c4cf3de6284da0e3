"""Addresses of terminals, below ``/t/<team>/sandboxes/<name>/``."""

from django.urls import path

from dashboard.terminals import requests, sharing, views

urlpatterns = [
    path("terminal/", views.terminal, name="terminal"),
    path("terminal/new", requests.terminal_new, name="terminal_new"),
    path("terminal/layout", requests.terminal_layout, name="terminal_layout"),
    path("terminal/<uuid:session_id>/", views.terminal_session, name="terminal_session"),
    path("terminal/<uuid:session_id>/rename", requests.terminal_rename, name="terminal_rename"),
    path("terminal/<uuid:session_id>/running", requests.terminal_running, name="terminal_running"),
    path("terminal/<uuid:session_id>/end", requests.terminal_end, name="terminal_end"),
    path("terminal/<uuid:session_id>/links", sharing.terminal_links, name="terminal_links"),
    path(
        "terminal/<uuid:session_id>/links/<int:link_id>/revoke",
        sharing.terminal_link_revoke,
        name="terminal_link_revoke",
    ),
]
