"""What is streamed reaches a browser whole: one that unpacks ends at the first gzip member."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from dashboard.compression import CompressionMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.http import HttpResponseBase

PIECES = [b"first line\n" * 100, b"second line\n" * 100]


async def pieces() -> AsyncIterator[bytes]:
    for piece in PIECES:
        yield piece


def through(response: HttpResponseBase) -> HttpResponseBase:
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip"})
    return CompressionMiddleware(lambda _request: HttpResponse()).process_response(request, response)


async def as_a_browser_reads(response: HttpResponseBase) -> bytes:
    """The body, unpacked up to the end of the first gzip member if it is packed."""
    if isinstance(response, StreamingHttpResponse):
        body = b"".join([piece async for piece in response.__aiter__()])
    else:
        assert isinstance(response, HttpResponse)
        body = response.content
    if response.headers.get("Content-Encoding") != "gzip":
        return body
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body)


@pytest.mark.parametrize("streamed", [True, False])
async def test_it_works(streamed: bool) -> None:
    whole = b"".join(PIECES)
    response = through(StreamingHttpResponse(pieces()) if streamed else HttpResponse(whole))
    assert response.headers.get("Content-Encoding") == (None if streamed else "gzip")
    assert await as_a_browser_reads(response) == whole
