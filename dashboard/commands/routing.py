"""The address of a command's socket: its page's address and ``socket``."""

from django.urls import path, register_converter

from dashboard.commands.address import CommandIdConverter
from dashboard.commands.consumer import OutputConsumer

register_converter(CommandIdConverter, "command_of_socket")
websocket_urlpatterns = [
    path(
        "t/<slug:team>/sandboxes/<slug:name>/commands/<command_of_socket:command_id>/socket", OutputConsumer.as_asgi()
    ),
]
