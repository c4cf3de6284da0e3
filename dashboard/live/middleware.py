"""Notes where a team's messages are before a page of it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction

from dashboard.live.hub import HUB

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest, HttpResponseBase


class LiveMiddleware:
    """Sets ``request.live_place``: what happens after it, the page's socket will tell, and no page asks twice."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return await self.get_response(request)

    async def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Note the place before the view reads anything."""
        request.live_place = HUB.place(kwargs["team"]) if "team" in kwargs else ""  # type: ignore[attr-defined]
