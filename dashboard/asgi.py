"""The ASGI application: ``uvicorn dashboard.asgi:application``.

HTTP goes to Django, WebSockets to the consumers. A socket is opened only for a page of the console itself
(``Origin``), under an allowed host, by whoever the session cookie says; what that person may do is asked by the
consumer.
"""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

# Loads the apps: what follows may import models only after it.
_http = get_asgi_application()

from dashboard.commands.routing import websocket_urlpatterns as commands  # noqa: E402
from dashboard.lifespan import Lifespan  # noqa: E402
from dashboard.live.routing import websocket_urlpatterns as live  # noqa: E402
from dashboard.origin import SameOriginOnly  # noqa: E402
from dashboard.terminals.routing import guest_websocket_urlpatterns as guests  # noqa: E402
from dashboard.terminals.routing import websocket_urlpatterns as terminals  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": SameOriginOnly(AuthMiddlewareStack(URLRouter([*terminals, *guests, *commands, *live]))),
        "lifespan": Lifespan(),
    }
)
