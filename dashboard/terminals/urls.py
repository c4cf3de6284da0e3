"""Addresses of terminals, below ``/t/<team>/sandboxes/<name>/``."""

from django.urls import path

from dashboard.terminals import views

urlpatterns = [
    path("terminal/", views.terminal, name="terminal"),
    path("terminal/new", views.terminal_new, name="terminal_new"),
    path("terminal/<uuid:session_id>/", views.terminal_session, name="terminal_session"),
]
