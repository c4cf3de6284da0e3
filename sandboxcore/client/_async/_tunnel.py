"""A tunnel: a port of this machine that leads to a port inside a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.client._forwarding import Background, Forwarder
from sandboxcore.client._io import async_outcome, async_settle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from types import TracebackType

    from sandboxcore.errors import SandboxClientError


class AsyncTunnel:
    """Forwards connections to ``127.0.0.1:local_port`` to a port inside the sandbox until it is closed.

    It works in a thread of its own, so whatever this program does meanwhile does not hold it up. When its connection is
    lost, what was open is reset, and the next connection to ``local_port`` opens it again.
    """

    def __init__(self, background: Background, forwarder: Forwarder) -> None:
        self._background = background
        self._forwarder = forwarder
        self._closing: Future[None] | None = None

    @classmethod
    async def _open(
        cls,
        url: str,
        *,
        headers: Mapping[str, str],
        sandbox: str,
        remote_port: int,
        local_port: int,
        max_reconnects: int,
    ) -> AsyncTunnel:
        """A tunnel that listens. Raises ``SandboxClientError`` or ``OSError``."""
        background = Background(f"tunnel-{remote_port}")
        forwarder = Forwarder(
            url,
            headers=headers,
            sandbox=sandbox,
            remote_port=remote_port,
            local_port=local_port,
            max_reconnects=max_reconnects,
        )
        tunnel = cls(background, forwarder)
        try:
            await async_outcome(background.submit(forwarder.start()))
        except BaseException:
            tunnel.close()
            raise
        return tunnel

    def __repr__(self) -> str:
        return f"<{type(self).__name__} 127.0.0.1:{self.local_port} to port {self.remote_port}>"

    async def __aenter__(self) -> AsyncTunnel:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await async_outcome(self._begin_to_close())

    @property
    def local_port(self) -> int:
        """The port of 127.0.0.1 to connect to."""
        return self._forwarder.local_port

    @property
    def remote_port(self) -> int:
        """The port inside the sandbox."""
        return self._forwarder.remote_port

    @property
    def error(self) -> SandboxClientError | None:
        """Why the latest connection was not forwarded, such as ``TunnelConnectionRefusedError``; None when it was."""
        return self._forwarder.error

    def close(self) -> None:
        """Stop listening and end every connection. Safe to repeat."""
        async_settle(self._begin_to_close())

    def _begin_to_close(self) -> Future[None]:
        if self._closing is None:
            self._closing = self._background.submit(self._forwarder.close())
            self._closing.add_done_callback(lambda _: self._background.stop())
        return self._closing

    def __del__(self) -> None:
        if getattr(self, "_background", None) is not None:
            self._begin_to_close()
