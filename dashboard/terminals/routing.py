"""Addresses of the terminals' sockets: each is its page's address and ``socket``."""

from django.urls import path

from dashboard.terminals.consumer import TerminalConsumer

websocket_urlpatterns = [
    path(
        "t/<slug:team>/sandboxes/<slug:name>/terminal/<uuid:session_id>/socket",
        TerminalConsumer.as_asgi(),
    ),
]
guest_websocket_urlpatterns = [path("shared/<str:token>/socket", TerminalConsumer.as_asgi())]
