"""Static files: hashed names, compressed once, served by the console itself on the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import StreamingHttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from django.http import HttpRequest, HttpResponseBase

CHUNK = 256 * 1024


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise ships no types
    """Hashed names in CSS and in ES modules' imports; comments that name source maps are left alone."""

    support_js_module_import_aggregation = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Vendored files name source maps that are not vendored; looking for them would fail the collection.
        for extension, patterns in self._patterns.items():
            self._patterns[extension] = [
                pattern for pattern in patterns if "sourceMappingURL" not in pattern[0].pattern
            ]


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    """Read a file without blocking the loop; a small one takes one hop to a thread."""
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        while chunk := await read(CHUNK):
            yield chunk
    finally:
        file.close()


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise ships no types
    """WhiteNoise's middleware for the event loop: the original would move every request to a thread."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(get_response, *args, **kwargs)
        if not iscoroutinefunction(get_response):
            raise TypeError("The console is served over ASGI only.")
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request for a static file, pass on any other."""
        found = self.find_file(request.path_info) if self.autorefresh else self.files.get(request.path_info)
        if found is None:
            response: HttpResponseBase = await self.get_response(request)
            return response
        answer = found.get_response(request.method, request.META)
        body = _chunks(answer.file) if answer.file else ()
        response = StreamingHttpResponse(body, status=int(answer.status))
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        return response
