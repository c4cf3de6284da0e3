"""What the console adds to htmx's way of talking to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import markcoroutinefunction
from django.http import HttpResponse
from django.http.response import HttpResponseRedirectBase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest, HttpResponseBase


class HtmxRedirectMiddleware:
    """Turns a redirect in answer to htmx into ``HX-Redirect``.

    The browser would follow a plain redirect by itself and htmx would put the page that it leads to, the
    sign-in page say, into the fragment's place.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; rewrite its answer if it is a redirect and htmx asked."""
        response = await self.get_response(request)
        if not getattr(request, "htmx", False) or not isinstance(response, HttpResponseRedirectBase):
            return response
        answer = HttpResponse(headers={"HX-Redirect": response.url})
        answer.cookies = response.cookies
        return answer
