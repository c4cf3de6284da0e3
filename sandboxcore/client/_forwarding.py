"""What carries a tunnel: a listener on this machine's loopback, a WebSocket, and the streams between them.

It runs in an event loop of its own, in a thread of its own, for both clients: connections are forwarded whatever the
program that opened the tunnel is waiting for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from sandboxcore.errors import SandboxClientError, SandboxConnectionError, StreamingUnsupportedError, TunnelError
from sandboxcore.protocol import tunnel
from sandboxcore.protocol.failures import Reply, upgrade_failure
from sandboxcore.protocol.mux import Mux, StreamLostError
from sandboxcore.protocol.yamux import YamuxError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from concurrent.futures import Future

    from websockets.asyncio.client import ClientConnection

    from sandboxcore.protocol.mux import MuxStream

logger = logging.getLogger("sandboxcore.client")

HOST = "127.0.0.1"
OPEN_TIMEOUT = 30.0
CLOSE_TIMEOUT = 1.0
PING_INTERVAL = 30.0
PING_TIMEOUT = 60.0
ANSWER_TIMEOUT = 30.0
"""Seconds for the server to say whether it reached the port."""
MAX_MESSAGE = 4 << 20
MAX_QUEUE = 16
PIECE = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

T = TypeVar("T")


class Background:
    """An event loop in a thread that ends with the process, or by ``stop``."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Do it there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End the loop and the thread. Safe from any thread, also its own."""
        with contextlib.suppress(RuntimeError):  # it has been closed already
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()


class Connection:
    """One WebSocket and its streams, until it is lost."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._mux = Mux(websocket.send, client=True)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    @property
    def alive(self) -> bool:
        """Whether streams can be opened on it."""
        return not self._mux.closed

    async def dial(self, port: int) -> MuxStream:
        """A stream to a port of the sandbox. Raises ``TunnelError``, or ``StreamLostError`` with the connection."""
        stream = self._mux.open()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await stream.write(tunnel.opening(port))
                status = (await stream.read_exactly(1))[0]
        except TimeoutError:
            stream.reset()
            raise TunnelError(f"the server did not say whether it reached port {port}") from None
        except BaseException:
            stream.reset()
            raise
        refused = tunnel.refusal(status, port)
        if refused is not None:
            stream.reset()
            raise refused
        return stream

    async def close(self) -> None:
        """End every stream and the WebSocket."""
        self._mux.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._websocket.close()

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                message = await self._websocket.recv()
                await self._mux.receive(message if isinstance(message, bytes) else message.encode())
        except ConnectionClosed as error:
            logger.debug("a tunnel's connection ended: %s", error)
        except YamuxError as error:
            logger.warning("the server broke the tunnel's protocol: %s", error)
            self._mux.close()
            await self._websocket.close()
        finally:
            self._mux.close()

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._mux.write_all()
        except ConnectionClosed:
            self._mux.close()


class Forwarder:
    """Listens on this machine and forwards each connection to ``remote_port`` inside a sandbox."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        sandbox: str,
        remote_port: int,
        local_port: int,
        max_reconnects: int,
    ) -> None:
        self.remote_port = remote_port
        self.local_port = local_port
        self.error: SandboxClientError | None = None
        """Why the latest connection could not be forwarded; None when it could."""
        self._url = url
        self._headers = dict(headers)
        self._sandbox = sandbox
        self._max_reconnects = max_reconnects
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Connect and listen. Raises ``SandboxClientError`` for the one, ``OSError`` for the other."""
        self._connection = await self._connect()
        try:
            self._server = await self._listen()
        except BaseException:
            await self._connection.close()
            raise
        self.local_port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, then end every connection. Safe to repeat."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    async def _listen(self) -> asyncio.Server:
        """At the port that was asked for; else at the remote one's number where that is free, or any. ``OSError``."""
        if self.local_port:
            return await asyncio.start_server(self._begin, HOST, self.local_port)
        try:
            return await asyncio.start_server(self._begin, HOST, self.remote_port)
        except OSError:
            return await asyncio.start_server(self._begin, HOST, 0)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One local connection, to its end; a connection that is lost on one side is reset on the other."""
        stream = None
        in_order = False
        try:
            stream = await self._dial()
            in_order = await _converse(stream, reader, writer)
        except SandboxClientError as error:
            self.error = error
            logger.warning("tunnel to port %d of sandbox %s: %s", self.remote_port, self._sandbox, error)
        finally:
            if stream is not None and not in_order:
                stream.reset()
            await _close(writer, in_order=in_order)

    async def _dial(self) -> MuxStream:
        """A stream to the port, on a connection that may be a new one. Raises ``SandboxClientError``."""
        try:
            connection = await self._living()
            stream = await connection.dial(self.remote_port)
        except StreamLostError as error:
            raise TunnelError(f"no connection could be opened: {error}") from error
        self.error = None
        return stream

    async def _living(self) -> Connection:
        """The connection, or one in place of a lost one. Raises ``SandboxClientError``."""
        async with self._connecting:
            if self._connection is not None and self._connection.alive:
                return self._connection
            if self._connection is not None:
                await self._connection.close()
            self._connection = await self._reconnect()
            return self._connection

    async def _reconnect(self) -> Connection:
        """Raises ``TunnelError`` after the last try, and at once what trying again cannot mend."""
        lost: SandboxClientError = TunnelError("the tunnel's connection was lost")
        for attempt in range(self._max_reconnects):
            await asyncio.sleep(tunnel.RECONNECT_DELAYS[min(attempt, len(tunnel.RECONNECT_DELAYS) - 1)])
            try:
                return await self._connect()
            except StreamingUnsupportedError:
                raise
            except SandboxConnectionError as error:
                lost = error
        raise TunnelError(f"{lost} (gave up after {self._max_reconnects} tries)") from lost

    async def _connect(self) -> Connection:
        """Raises ``SandboxConnectionError`` where another try may help, and other errors where it will not."""
        try:
            from websockets.asyncio.client import connect
            from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
        except ImportError:
            raise StreamingUnsupportedError("a tunnel needs the 'websockets' package: pip install websockets") from None
        try:
            opened = connect(
                self._url,
                additional_headers=self._headers,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_TIMEOUT,
                max_size=MAX_MESSAGE,
                max_queue=MAX_QUEUE,
                compression=None,
            )
            # entered and never left, because calling it plainly is deprecated
            return Connection(await opened.__aenter__())
        except InvalidStatus as error:
            reply = Reply(error.response.status_code, bytes(error.response.body or b""))
            raise upgrade_failure(reply, sandbox=self._sandbox, purpose="tunnels") from error
        except (OSError, TimeoutError, InvalidMessage) as error:
            words = str(error) or type(error).__name__
            raise SandboxConnectionError(f"cannot open a tunnel to the sandbox: {words}") from error
        except InvalidHandshake as error:
            raise StreamingUnsupportedError(f"what answers here is no WebSocket: {error}") from error


async def _converse(stream: MuxStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Carry both ways until both have ended; False when either was lost."""
    up = asyncio.create_task(_carry_up(stream, reader))
    down = asyncio.create_task(_carry_down(stream, writer))
    carried = asyncio.create_task(asyncio.wait({up, down}, return_when=asyncio.FIRST_EXCEPTION))
    lost = asyncio.create_task(stream.gone.wait())
    try:
        await asyncio.wait({carried, lost}, return_when=asyncio.FIRST_COMPLETED)
        if stream.gone.is_set():
            await asyncio.wait({down}, timeout=CLOSE_TIMEOUT)  # what came before the stream was lost
    finally:
        for task in (up, down, carried, lost):
            task.cancel()
        results = await asyncio.gather(up, down, return_exceptions=True)
        await asyncio.gather(carried, lost, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, OSError | StreamLostError):
            raise result
    return all(result is None for result in results)


async def _carry_up(stream: MuxStream, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(PIECE):
        await stream.write(data)
    stream.end()


async def _carry_down(stream: MuxStream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.read(PIECE):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _close(writer: asyncio.StreamWriter, *, in_order: bool) -> None:
    """Close a local connection: in order, or with a reset, so that its program can tell the two apart."""
    if not in_order:
        with contextlib.suppress(OSError):
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        writer.transport.abort()
        return
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
