# Generated from sandboxcore/client/_async/_http.py by tools/unasync.py: change that file, then run this tool.
"""Requests over HTTP, tried again where that helps and is safe."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import httpx

from sandboxcore.client._io import abandon_http, sleep
from sandboxcore.errors import InvalidResponseError, SandboxConnectionError
from sandboxcore.protocol.calls import NO_LIMIT
from sandboxcore.protocol.failures import GATEWAY_STATUSES, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandboxcore.protocol.calls import Call
    from sandboxcore.protocol.retry import RetryPolicy

logger = logging.getLogger("sandboxcore.client")

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Failures after which the server cannot have seen the request."""


class Http:
    """One pool of connections to one server, and the rules for using it."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        policy: RetryPolicy,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base_url = base_url
        self._policy = policy
        self._connect_timeout = timeout
        self._http = httpx.Client(headers=dict(headers), timeout=timeout, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def abandon(self) -> None:
        """Close what can be closed without waiting."""
        abandon_http(self._http)

    def json(self, call: Call) -> dict[str, Any]:
        """The JSON object that answers ``call``. Raises ``InvalidResponseError`` and what ``fetch`` raises."""
        return _object(self.fetch(call))

    def fetch(self, call: Call) -> Reply:
        """The answer to ``call`` if it succeeds, after as many tries as the policy allows.

        Raises ``SandboxConnectionError`` where there is no answer, and the call's own error for a refusal.
        """
        attempt = 0
        doubtful = False
        while True:
            try:
                reply = self._exchange(call)
            except httpx.TransportError as error:
                sent = not isinstance(error, NOT_SENT)
                delay = self._policy.after_failure(call, attempt, sent=sent)
                if delay is None or isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
                    raise _unreachable(error, attempt + 1) from error
                doubtful = doubtful or sent
                logger.debug("%s failed (%s), again in %.1f s", call.method, type(error).__name__, delay)
            else:
                if reply.ok:
                    return reply
                delay = self._policy.after_reply(call, attempt, reply)
                if delay is None:
                    return self._refused(call, reply, doubtful)
                doubtful = doubtful or reply.status in GATEWAY_STATUSES
                logger.debug("%s answered %d, again in %.1f s", call.method, reply.status, delay)
            sleep(delay)
            attempt += 1

    def open(self, call: Call, silence: float) -> httpx.Response:
        """The answer to ``call``, to be read piece by piece and closed; ``silence`` seconds without one are a failure.

        It is tried once. Raises ``SandboxConnectionError``, and the call's own error for a refusal.
        """
        timeout = httpx.Timeout(self._connect_timeout, read=silence)
        request = self._http.build_request(call.method, self._base_url + call.path, params=call.params, timeout=timeout)
        try:
            response = self._http.send(request, stream=True)
            if response.is_success:
                return response
            try:
                content = response.read()
            finally:
                response.close()
        except httpx.TransportError as error:
            raise _unreachable(error, 1) from error
        raise call.failure(Reply(response.status_code, content))

    def _exchange(self, call: Call) -> Reply:
        """Send the request once."""
        options: dict[str, Any] = {}
        if call.timeout == NO_LIMIT:
            options["timeout"] = httpx.Timeout(None, connect=self._connect_timeout)
        elif call.timeout is not None:
            options["timeout"] = call.timeout
        if call.body is not None:
            options["json"] = call.body
        if call.upload is not None:
            options["files"] = {"file": ("file", call.upload)}
        url = self._base_url + call.path if call.path.startswith("/") else call.path
        response = self._http.request(call.method, url, params=call.params, **options)
        return Reply(response.status_code, response.content, {k.lower(): v for k, v in response.headers.items()})

    def _refused(self, call: Call, reply: Reply, doubtful: bool) -> Reply:
        """Raise the error for ``reply``, unless it only says that an earlier try, whose answer was lost, succeeded."""
        settled = call.settled
        if not doubtful or settled is None or reply.status != settled.status:
            raise call.failure(reply)
        if settled.look is None:
            return Reply(204)
        found = self.fetch(settled.look)
        data = _object(found)
        if any(data.get(name) != value for name, value in settled.expect.items()):
            raise call.failure(reply)
        return found


def _object(reply: Reply) -> dict[str, Any]:
    try:
        data = json.loads(reply.content)
    except (ValueError, RecursionError):
        raise InvalidResponseError("the server's answer is not JSON; check api_endpoint") from None
    if not isinstance(data, dict):
        raise InvalidResponseError("the server's answer is not a JSON object")
    return data


def _unreachable(error: httpx.TransportError, attempts: int) -> SandboxConnectionError:
    tries = "" if attempts == 1 else f" after {attempts} attempts"
    words = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return SandboxConnectionError(f"no answer from the server in time{tries} ({type(error).__name__})")
    return SandboxConnectionError(f"cannot reach the server{tries}: {words}")
