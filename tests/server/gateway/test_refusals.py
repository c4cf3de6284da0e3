"""The gateway's own pages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from sandboxcore.server.gateway.app import Gateway
from sandboxcore.server.gateway.refusals import Refusal
from sandboxcore.server.refusals import MOST_LINES, refusals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from tests.server.conftest import Inside

EVIL = Refusal(502, "<i>Kind</i>", "the program said <script>alert(1)</script>", 'try "again" & again')


def test_a_page_shows_text_as_text() -> None:
    headers, body = EVIL.answer("text/html,application/xhtml+xml")
    page = body.decode()
    assert "<script" not in page
    assert "<i>" not in page
    assert "The program said &lt;script&gt;alert(1)&lt;/script&gt;." in page
    assert "Try &quot;again&quot; &amp; again." in page
    assert dict(headers)[b"content-length"] == str(len(body)).encode()


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    headers, body = EVIL.answer("text/html")
    style = re.search(rb"<style>(.*?)</style>", body)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    policy = dict(headers)[b"content-security-policy"].decode().split("; ")
    assert policy == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


def test_programs_get_json_in_the_apis_form() -> None:
    for accept in ("", "*/*", "application/json"):
        headers, body = EVIL.answer(accept)
        assert dict(headers)[b"content-type"] == b"application/json"
        assert json.loads(body)["detail"] == {
            "error": "<i>Kind</i>",
            "message": 'the program said <script>alert(1)</script>; try "again" & again',
        }


async def test_requests_without_a_token_do_not_fill_the_log(
    inside: Callable[..., Awaitable[Inside]], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_since", float("-inf"))
    gateway = Gateway((await inside()).core)
    scope = {"type": "http", "method": "GET", "raw_path": b"/", "query_string": b"", "headers": [(b"host", b"nowhere")]}
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing of it is read")

    with caplog.at_level("INFO", "sandboxd"):
        for _ in range(3 * MOST_LINES):
            await gateway(scope, receive, send)
    assert [answer["status"] for answer in answers[::2]] == [404] * 3 * MOST_LINES
    assert len([line for line in caplog.messages if "nowhere" in line]) == MOST_LINES
