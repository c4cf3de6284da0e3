"""Addresses of live sockets."""

from django.urls import path

from dashboard.live.consumer import LiveConsumer

websocket_urlpatterns = [path("t/<slug:team>/live", LiveConsumer.as_asgi())]
