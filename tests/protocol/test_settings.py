"""Which server, which key, which addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.errors import InvalidResponseError
from sandboxcore.protocol.settings import (
    auth_headers,
    path_segment,
    resolve_api_key,
    resolve_endpoint,
    websocket_url,
)


def test_it_works() -> None:
    assert resolve_endpoint(None, {}) == "https://api.smith.langchain.com/v2/sandboxes"
    assert resolve_api_key(None, {}) is None


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({"SANDBOX_ENDPOINT": "http://a", "LANGSMITH_ENDPOINT": "http://b"}, "http://a/v2/sandboxes"),
        ({"SANDBOX_ENDPOINT": " ", "LANGSMITH_ENDPOINT": "http://b/"}, "http://b/v2/sandboxes"),
        ({"LANGCHAIN_ENDPOINT": "http://c"}, "http://c/v2/sandboxes"),
        ({"SANDBOX_ENDPOINT": "http://a/v2/sandboxes/"}, "http://a/v2/sandboxes"),
        ({"SANDBOX_ENDPOINT": "http://a/below"}, "http://a/below/v2/sandboxes"),
    ],
)
def test_endpoint_from_the_environment(environ: dict[str, str], endpoint: str) -> None:
    assert resolve_endpoint(None, environ) == endpoint


def test_an_explicit_endpoint_is_taken_as_it_is() -> None:
    assert resolve_endpoint("https://x/api/", {"SANDBOX_ENDPOINT": "http://a"}) == "https://x/api"


@pytest.mark.parametrize("url", ["localhost:8001", "ftp://x", "http://", "nonsense"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="http://"):
        resolve_endpoint(url, {})
    with pytest.raises(ValueError, match="http://"):
        resolve_endpoint(None, {"SANDBOX_ENDPOINT": url})


def test_keys() -> None:
    environ = {"SANDBOX_API_KEY": "", "LANGSMITH_API_KEY": " two ", "LANGCHAIN_API_KEY": "three"}
    assert resolve_api_key(None, environ) == "two"
    assert resolve_api_key("one", environ) == "one"
    assert auth_headers("one") == {"X-Api-Key": "one"}
    assert auth_headers(None) == {}


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:1/box/", "ws://h:1/box/execute/ws"),
        ("https://h/http://x", "wss://h/http://x/execute/ws"),
        ("https://h", "wss://h/execute/ws"),
    ],
)
def test_websocket_addresses(url: str, address: str) -> None:
    assert websocket_url(url) == address


@pytest.mark.parametrize("url", ["", "ws://h", "/box", "file:///etc/passwd"])
def test_a_dataplane_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(InvalidResponseError):
        websocket_url(url)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_name_is_one_segment(name: str) -> None:
    segment = path_segment(name)
    assert not set(segment) & set("/?# ")
    assert segment not in {".", ".."}
