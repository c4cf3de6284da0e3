"""One sandbox: its commands, its files and its ports."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, overload

from sandboxcore.client._async._handle import AsyncCommandHandle
from sandboxcore.client._async._link import AsyncLink
from sandboxcore.client._async._tunnel import AsyncTunnel
from sandboxcore.errors import (
    DataplaneNotConfiguredError,
    ResourceNotFoundError,
    SandboxClientError,
    SandboxNotReadyError,
    StreamingUnsupportedError,
)
from sandboxcore.metrics import PortList, ProcessList
from sandboxcore.models import ExecutionResult, SandboxRecord, sandbox_fields
from sandboxcore.protocol import calls, extensions
from sandboxcore.protocol.commands import CommandRequest
from sandboxcore.protocol.settings import websocket_url
from sandboxcore.protocol.stream import CommandStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Unpack

    from sandboxcore.client._async._client import AsyncSandboxClient
    from sandboxcore.client._async._service import AsyncServiceURL
    from sandboxcore.journal import CommandRecord, Timeline
    from sandboxcore.metrics import SandboxMetrics
    from sandboxcore.models import Page
    from sandboxcore.protocol.lists import CommandSelection

logger = logging.getLogger("sandboxcore.client")


class AsyncSandbox(SandboxRecord):
    """A sandbox as it was when the server was asked, and what can be done with it.

    As a context manager one from ``client.sandbox()`` is deleted at the end, and one from elsewhere is not.
    """

    _client: AsyncSandboxClient
    _auto_delete: bool

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], client: AsyncSandboxClient, auto_delete: bool = True) -> AsyncSandbox:
        """Read a sandbox that belongs to ``client``. Raises ``InvalidResponseError``."""
        sandbox = cls(**sandbox_fields(data))
        sandbox._client = client
        sandbox._auto_delete = auto_delete
        return sandbox

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the sandbox if that is this object's part; a failure to do so is logged, not raised."""
        if not self._auto_delete:
            return
        try:
            await self._client.delete_sandbox(self.name)
        except ResourceNotFoundError:
            logger.debug("sandbox %s was deleted already", self.name)
        except SandboxClientError as failure:
            logger.warning("sandbox %s could not be deleted and goes on: %s", self.name, failure)

    @overload
    async def run(
        self,
        command: str,
        *,
        timeout: float = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str | None = ...,
        shell: str = ...,
        on_stdout: Callable[[str], Any] | None = ...,
        on_stderr: Callable[[str], Any] | None = ...,
        idle_timeout: int = ...,
        kill_on_disconnect: bool = ...,
        ttl_seconds: int = ...,
        pty: bool = ...,
        wait: Literal[True] = ...,
        rows: int | None = ...,
        cols: int | None = ...,
        command_id: str | None = ...,
        gaps: bool = ...,
        modes: bool = ...,
        collect: bool = ...,
        source: str = ...,
        window: int = ...,
    ) -> ExecutionResult: ...

    @overload
    async def run(
        self,
        command: str,
        *,
        timeout: float = ...,
        env: Mapping[str, str] | None = ...,
        cwd: str | None = ...,
        shell: str = ...,
        on_stdout: Callable[[str], Any] | None = ...,
        on_stderr: Callable[[str], Any] | None = ...,
        idle_timeout: int = ...,
        kill_on_disconnect: bool = ...,
        ttl_seconds: int = ...,
        pty: bool = ...,
        wait: Literal[False],
        rows: int | None = ...,
        cols: int | None = ...,
        command_id: str | None = ...,
        gaps: bool = ...,
        modes: bool = ...,
        collect: bool = ...,
        source: str = ...,
        window: int = ...,
    ) -> AsyncCommandHandle: ...

    async def run(
        self,
        command: str,
        *,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        shell: str = "/bin/bash",
        on_stdout: Callable[[str], Any] | None = None,
        on_stderr: Callable[[str], Any] | None = None,
        idle_timeout: int = 300,
        kill_on_disconnect: bool = False,
        ttl_seconds: int = 600,
        pty: bool = False,
        wait: bool = True,
        rows: int | None = None,
        cols: int | None = None,
        command_id: str | None = None,
        gaps: bool = False,
        modes: bool = False,
        collect: bool = True,
        source: str = "",
        window: int = 0,
    ) -> ExecutionResult | AsyncCommandHandle:
        """Run a shell command; return its result, or with ``wait=False`` a handle as soon as it has started.

        Times are seconds. ``timeout`` 0 lets the command run on. ``idle_timeout`` kills it when no client was
        connected for so long, -1 never; ``ttl_seconds`` keeps its output after the end for ``reconnect``, -1 for
        ever. ``pty`` gives it a terminal of ``rows`` and ``cols``. ``command_id`` names it, else a UUID does: a name
        that exists is attached to, not run again. ``gaps`` yields a ``Gap`` where output was lost, ``modes`` a
        ``TerminalModes`` before a terminal's output. ``collect=False`` keeps nothing for ``result``, for a handle
        that is read for hours. ``source`` names whoever types, for input that is numbered (``handle.type``); with
        ``window`` the server sends at most so many bytes ahead of what the handle has given out, and without it as
        many as the connection takes. Callbacks get each piece of output as it arrives.

        Without a WebSocket, and if neither handle, callbacks nor ``pty`` need one, the command runs over plain HTTP.

        Raises ``ValueError`` for callbacks with ``wait=False``, ``SandboxNotReadyError``,
        ``DataplaneNotConfiguredError``, ``CommandTimeoutError``, ``SandboxOperationError``, and
        ``SandboxConnectionError`` after the last try to reconnect.
        """
        callbacks = {"stdout": on_stdout, "stderr": on_stderr}
        watched = on_stdout is not None or on_stderr is not None
        if watched and not wait:
            raise ValueError("callbacks need wait=True; with wait=False, iterate the handle")
        request = CommandRequest(
            command=command,
            command_id=command_id or str(uuid.uuid4()),
            timeout=timeout,
            env=env,
            cwd=cwd,
            shell=shell,
            idle_timeout=idle_timeout,
            kill_on_disconnect=kill_on_disconnect,
            ttl_seconds=ttl_seconds,
            pty=pty,
            rows=rows,
            cols=cols,
        )
        stream = CommandStream(
            request.command_id,
            request=request,
            gaps=gaps,
            modes=modes,
            collect=collect,
            source=source,
            window=window,
        )
        try:
            handle = await self._open(stream)
        except StreamingUnsupportedError:
            if not wait or watched or pty:
                raise
            return await self._run_http(request)
        if not wait:
            return handle
        async with handle:
            if watched:
                async for chunk in handle:
                    callback = callbacks[chunk.stream]
                    if callback is not None and chunk.data:
                        callback(chunk.data)
            return await handle.result

    async def reconnect(
        self,
        command_id: str,
        *,
        stdout_offset: int = 0,
        stderr_offset: int = 0,
        gaps: bool = False,
        modes: bool = False,
        collect: bool = True,
        source: str = "",
        window: int = 0,
        watch: bool = False,
    ) -> AsyncCommandHandle:
        """Attach to a command that runs or has ended lately, from these byte offsets of its output on.

        Raises ``SandboxNotReadyError``, ``DataplaneNotConfiguredError`` and ``SandboxConnectionError``; a command that
        is not known, or whose output is no longer kept, raises ``SandboxOperationError`` when the handle is read.
        With ``watch`` this is no use of the sandbox, and a ``Resized`` tells each size of the terminal.
        """
        stream = CommandStream(
            command_id,
            stdout_offset=stdout_offset,
            stderr_offset=stderr_offset,
            gaps=gaps,
            modes=modes,
            collect=collect,
            source=source,
            window=window,
            watch=watch,
        )
        return await self._open(stream)

    async def write(self, path: str, content: str | bytes, *, timeout: float = 60) -> None:
        """Write a file, making its parent folders; a relative path is below the user's home, text becomes UTF-8.

        Raises ``SandboxOperationError``, ``SandboxNotReadyError``, ``DataplaneNotConfiguredError`` and
        ``SandboxConnectionError``.
        """
        data = content.encode() if isinstance(content, str) else bytes(content)
        await self._client._http.fetch(calls.upload(self._address(), self.name, path, data, timeout))

    async def read(self, path: str, *, timeout: float = 60) -> bytes:
        """The content of a file; a relative path is below the user's home.

        Raises ``ResourceNotFoundError``, and else what ``write`` raises.
        """
        reply = await self._client._http.fetch(calls.download(self._address(), self.name, path, timeout))
        return reply.content

    async def commands(self, **asked: Unpack[CommandSelection]) -> Page[CommandRecord]:
        """The latest commands that were run in the sandbox, at most 100; ``iter_commands`` of the client has all.

        See there for ``asked``, and for what it raises.
        """
        return await self._client.list_commands(self.id or self.name, **asked)

    async def timeline(self, *, limit: int | None = None, before: str | None = None) -> Timeline:
        """What happened to the sandbox, the newest first; see ``get_timeline`` of the client."""
        return await self._client.get_timeline(self.id or self.name, limit=limit, before=before)

    async def metrics(
        self, *, start: datetime | str | None = None, end: datetime | str | None = None, step: float | None = None
    ) -> SandboxMetrics:
        """What the sandbox used over time; see ``get_sandbox_metrics`` of the client."""
        return await self._client.get_sandbox_metrics(self.id or self.name, start=start, end=end, step=step)

    async def processes(self) -> ProcessList:
        """What runs inside the sandbox now. Names and command lines are the programs' own words.

        Asking does not count as using the sandbox. Raises ``ResourceNotFoundError``, ``SandboxNotReadyError``,
        ``DataplaneNotConfiguredError``, ``SandboxOperationError`` and ``ExtensionUnsupportedError``.
        """
        call = extensions.look_inside(self._address(), "processes")
        return ProcessList(await self._client._http.json(call))

    async def ports(self) -> PortList:
        """The TCP ports on which programs inside the sandbox listen now. Raises what ``processes`` raises."""
        return PortList(await self._client._http.json(extensions.look_inside(self._address(), "ports")))

    async def service(self, port: int, *, expires_in_seconds: int = 600) -> AsyncServiceURL:
        """Addresses of what a program in the sandbox serves on ``port``, for programs and for browsers.

        They need a token, which expires after so many seconds, 1-86400, and is exchanged for a new one in time.
        Raises ``ValueError``, ``SandboxNotReadyError``, ``ResourceNotFoundError`` and ``QuotaExceededError``.
        """
        return await self._client.service(self.name, port, expires_in_seconds=expires_in_seconds)

    async def tunnel(self, remote_port: int, *, local_port: int = 0, max_reconnects: int = 3) -> AsyncTunnel:
        """Make a TCP port inside the sandbox reachable as a port of 127.0.0.1, until the tunnel is closed.

        ``local_port`` 0 takes the number of ``remote_port`` where it is free, and else any that is. A lost connection
        is opened again in at most ``max_reconnects`` tries, whenever it is next needed.

        Raises ``ValueError`` for what is no port, ``OSError`` if ``local_port`` is taken, ``SandboxNotReadyError``,
        ``DataplaneNotConfiguredError``, ``SandboxAuthenticationError``, ``ResourceNotFoundError`` and
        ``SandboxConnectionError``. That nothing listens in the sandbox is no error yet: programs may start later.
        """
        for name, port, least in (("remote_port", remote_port, 1), ("local_port", local_port, 0)):
            if not least <= port <= 65535:
                raise ValueError(f"{name} must be from {least} to 65535, not {port}")
        return await AsyncTunnel._open(
            websocket_url(self._address(), "/tunnel"),
            headers=self._client._headers,
            sandbox=self.name,
            remote_port=remote_port,
            local_port=local_port,
            max_reconnects=max_reconnects,
        )

    def _address(self) -> str:
        """The data plane's URL. Raises ``SandboxNotReadyError`` and ``DataplaneNotConfiguredError``."""
        if self.status != "ready":
            raise SandboxNotReadyError(
                f"sandbox '{self.name}' is not ready (status: {self.status}); wait_for_sandbox() waits for it"
            )
        if not self.dataplane_url:
            raise DataplaneNotConfiguredError(f"sandbox '{self.name}' has no dataplane_url")
        return self.dataplane_url

    async def _open(self, stream: CommandStream) -> AsyncCommandHandle:
        """A handle on a stream that has begun."""
        link = AsyncLink(
            websocket_url(self._address()),
            stream,
            headers=self._client._headers,
            sandbox=self.name,
            start_tries=self._client._policy.max_retries,
            repeatable=self._client._server_keeps_ids,
        )
        try:
            await link.start()
        except BaseException:
            await link.close()
            raise
        if stream.keeps_id is False:
            self._client._server_keeps_ids = False
        return AsyncCommandHandle(link, self, deque())

    async def _run_http(self, request: CommandRequest) -> ExecutionResult:
        """Run a command with one HTTP request."""
        call = calls.execute(self._address(), self.name, request.http_body(), request.timeout)
        return ExecutionResult.from_dict(await self._client._http.json(call))
