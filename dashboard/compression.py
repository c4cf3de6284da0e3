"""Pages are compressed on their way; files that are streamed are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.middleware.gzip import GZipMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase


class CompressionMiddleware(GZipMiddleware):
    """Django's middleware, but for streams.

    It makes each piece of an asynchronous stream a gzip member of its own, and browsers end at the first member:
    files reached Chromium cut short.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress what is whole."""
        if response.streaming:
            return response
        return super().process_response(request, response)
