"""Answers of the gateway itself: why a request did not reach a program, in plain words, as a page or as JSON."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TYPE_CHECKING

import orjson

from sandboxcore.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;color:#1c2024;"
    "background:#fff}h1{font-size:1.25rem}p.kind{color:#60646c;font-size:.875rem}"
    "@media(prefers-color-scheme:dark){body{color:#edeef0;background:#111113}p.kind{color:#b0b4ba}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_HEADERS = [
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'".encode(),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
]


class Refusal(SandboxError):  # noqa: N818  # an answer, like HTTPException
    """The request goes no further: the status, a stable kind, what is wrong, and what to do."""

    def __init__(
        self, status: int, kind: str, problem: str, remedy: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(problem)
        self.status = status
        self.kind = kind
        self.problem = problem
        self.remedy = remedy
        self.headers = headers or {}

    def answer(self, accept: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body, as a page where ``accept`` asks for one."""
        if "text/html" in accept:
            kind, body = b"text/html; charset=utf-8", self._page()
        else:
            message = f"{self.problem}; {self.remedy}" if self.remedy else self.problem
            kind, body = b"application/json", orjson.dumps({"detail": {"error": self.kind, "message": message}})
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *_PAGE_HEADERS]
        headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        return headers, body

    def _page(self) -> bytes:
        problem = html.escape(_sentence(self.problem))
        remedy = html.escape(_sentence(self.remedy))
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{problem}</title><style>{_STYLE}</style><h1>{problem}</h1><p>{remedy}</p>"
            f'<p class="kind">Sandbox service · {html.escape(self.kind)}</p></html>'
        ).encode()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""


def unknown_address() -> Refusal:
    """The address names no service."""
    return Refusal(
        404, "ServiceNotFound", "there is no service at this address", "ask for its address with sandbox.service(port)"
    )


def no_leave() -> Refusal:
    """No token, or one that does not hold here (any more)."""
    return Refusal(
        401,
        "ServiceTokenInvalid",
        "this address needs a token that holds, and there is none, or it has expired or was withdrawn",
        "ask for a new address of the service, and open its browser_url, or send its token",
    )


def cross_site() -> Refusal:
    """A page of another site tried to use a browser's cookie."""
    return Refusal(
        403,
        "CrossSiteRequest",
        "a page of another site may not use this service in your name",
        "open the service in a tab of its own",
    )


def programs_only() -> Refusal:
    """A browser came to the shared origin."""
    return Refusal(
        403,
        "ProgramsOnly",
        "this address is for programs, not for browsers",
        "open the service's browser_url, which has an origin of its own",
    )


def not_ready(status: str) -> Refusal:
    """The sandbox does not run."""
    return Refusal(
        503,
        "NotReady",
        f"the sandbox is not ready: its status is {status}",
        "wait until it is ready, or make a new one if it has failed",
    )


def port_closed(port: int) -> Refusal:
    """Nothing listens."""
    return Refusal(
        502,
        "PortClosed",
        f"nothing listens on port {port} inside the sandbox",
        "start the program there, let it listen on this port, and try again",
    )


def unreachable(why: str) -> Refusal:
    """The port cannot be reached for another reason."""
    return Refusal(502, "ConnectionError", why, "look whether the sandbox and the program still run")


def not_http(port: int) -> Refusal:
    """The program's answer makes no sense."""
    return Refusal(
        502,
        "BadAnswer",
        f"the program on port {port} did not give a proper HTTP answer",
        "check that it speaks plain HTTP there, without TLS, and did not end in the middle",
    )


def not_websocket(port: int) -> Refusal:
    """The program did not take up the WebSocket as the protocol says."""
    return Refusal(
        502,
        "BadAnswer",
        f"the program on port {port} did not accept the WebSocket properly",
        "check that it speaks WebSocket at this path",
    )


def too_slow(port: int, seconds: float) -> Refusal:
    """No answer in time."""
    return Refusal(
        504,
        "TooSlow",
        f"the program on port {port} took longer than {seconds:g} seconds to begin an answer",
        "look what it is doing, and try again",
    )


def too_large(limit: int) -> Refusal:
    """The request's body is larger than the server takes."""
    return Refusal(
        413,
        "TooLarge",
        f"the body is larger than {limit} bytes",
        "send it in parts, or raise SANDBOXD_SERVICE_BODY_LIMIT",
        {"Connection": "close"},
    )


def bad_request(problem: str, status: int = 400) -> Refusal:
    """The request itself cannot be carried on."""
    kind = {405: "MethodNotAllowed", 431: "HeadersTooLarge"}.get(status, "BadRequest")
    return Refusal(status, kind, problem, headers={"Connection": "close"})


def ended(why: str) -> Refusal:
    """It must end before it got an answer."""
    return Refusal(503, "Ended", why, "try again in a moment", {"Retry-After": "1"})
