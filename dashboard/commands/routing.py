"""The address of a command's socket: its page's address and ``socket``."""

from django.urls import path

from dashboard.commands.consumer import OutputConsumer

websocket_urlpatterns = [
    path("t/<slug:team>/sandboxes/<slug:name>/commands/<str:command_id>/socket", OutputConsumer.as_asgi()),
]
