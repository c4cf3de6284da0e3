"""The shim's server: speaks ``sandboxcore.shim.wire`` on a unix socket, for as long as its sandbox lives.

How a caller connects (``$RUN_DIR/sandboxes/<id>/shim.sock``, a unix stream socket, one request a connection):

1. Connect, send one CONTROL frame with ``op``; no greeting comes first. The first frame must arrive within 10 s.
2. ``start``: always send a ``command_id`` of your own making. Read frames until ``exit`` or ``error``, then close. When
   the connection breaks before that, connect again with ``attach`` and, for each stream, the offset after the last byte
   received; only where ``started`` was never seen, repeat ``start`` with the same ``command_id``: it never runs twice.
3. Send ``detach`` before closing when the client left on purpose. Without it the reader counts as one that may come
   back: unread output is held for it, and ``kill_on_disconnect`` waits, for up to 20 s.
4. Stop reading from the connection to slow a command down: nothing is queued here. Keep no more than 2 MiB received and
   undelivered for a client that may come back, since that much behind a reader's place is certain to be held.
5. Input that a program does not read holds up every later frame of its connection. A kill or signal that must not wait
   goes on a connection of its own: ``kill`` with ``command_id``, ``signal`` with ``command_id`` and ``signal``.
6. ``commands`` and ``history`` are answered in one message, or in several where the list is long: all but the last
   have ``more`` true.
7. With ``modes`` true in ``start`` or ``attach`` of a terminal, ``{"type": "modes", "sequence", "rows", "cols",
   "end"}`` comes before the output, and after each gap: escape text that brings a fresh terminal to the modes that hold
   at the first byte sent.
8. ``dial``: send ``end`` for a half close, close the connection to abandon it; else read on until ``end`` or ``error``.
9. File requests: the answers come from inside the sandbox and are no more to be trusted than its output.

Refused peers and broken frames get an ``error`` where possible, and are closed; nobody else notices.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError
from sandboxcore.shim.conversation import Conversation
from sandboxcore.shim.exchange import Exchange
from sandboxcore.shim.files import OPERATIONS
from sandboxcore.shim.limits import Limits
from sandboxcore.shim.link import Link
from sandboxcore.shim.relay import relay
from sandboxcore.shim.requests import (
    RefusedError,
    command_id,
    history_position,
    parse_reading,
    parse_start,
    signal_number,
    tcp_port,
)
from sandboxcore.shim.spawner import DialError
from sandboxcore.shim.table import SessionTable
from sandboxcore.shim.wire import FrameError, Kind, decode_control, encode_control

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandboxcore.shim.spawner import Spawner

COMMANDS_PART = 256 * 1024
BACKLOG = 512
"""As many as may be open: on a unix socket, connecting to a full queue fails at once."""
_CREDENTIALS = struct.Struct("3i")
_ACCEPT_PAUSE = 0.2

logger = logging.getLogger(__name__)


async def serve(
    spawner: Spawner,
    socket_path: str,
    *,
    allowed_uids: Collection[int],
    socket_mode: int = 0o600,
    socket_gid: int | None = None,
    limits: Limits | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Serve until the spawner's sandbox has ended. Raises ``OSError`` where the socket cannot be made.

    With ``listener``, one that listens already, the socket's file is its maker's to remove.
    """
    owned = listener is None
    if listener is None:
        listener = listen(socket_path, socket_mode, socket_gid)
    server = Server(spawner, limits or Limits(), frozenset(allowed_uids))
    accepting = asyncio.create_task(server.accept_from(listener))
    try:
        await spawner.closed()
    finally:
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        listener.close()
        await server.close("the sandbox has ended")
        if owned:
            _remove_socket(socket_path)


def listen(path: str, mode: int, gid: int | None) -> socket.socket:
    """A listening socket at ``path`` that was never open to more than ``mode`` says. Raises ``OSError``."""
    _remove_socket(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        if gid is not None:
            os.chown(path, -1, gid)
        os.chmod(path, mode)  # noqa: PTH101 - pathlib is not loaded in this process
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class Server:
    """Accepts peers and answers their requests, each in a task of its own."""

    def __init__(self, spawner: Spawner, limits: Limits, allowed_uids: frozenset[int]) -> None:
        self._spawner = spawner
        self._limits = limits
        self._allowed_uids = allowed_uids
        self._table = SessionTable(spawner, limits)
        self._file_operations = asyncio.Semaphore(limits.file_operations)
        self._dialed = 0
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept_from(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED}:
                    raise
                logger.warning("cannot accept a connection now: %s", error)
                await asyncio.sleep(_ACCEPT_PAUSE)
                continue
            self._admit(peer)

    async def close(self, message: str) -> None:
        """Tell every reader that its command ended, wait a little until they know, and let go of everything."""
        self._ended.set()
        self._table.abandon(message)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._limits.farewell_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._table.close()

    def _admit(self, peer: socket.socket) -> None:
        refusal = self._refusal(peer)
        if refusal is not None:
            logger.warning("refused a connection: %s", refusal)
            _send_and_close(peer, RefusedError(refusal).message())
            return
        task = asyncio.get_running_loop().create_task(self._serve(Link(peer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refusal(self, peer: socket.socket) -> str | None:
        uid = _peer_uid(peer)
        if uid is not None and uid not in self._allowed_uids:
            return f"user {uid} may not use this sandbox"
        if len(self._tasks) >= self._limits.connections:
            return f"{self._limits.connections} connections are open to this sandbox; close one first"
        return None

    async def _serve(self, link: Link) -> None:
        try:
            async with asyncio.timeout(self._limits.first_frame_seconds):
                frame = await link.receive()
            if frame is None:
                return
            await self._answer(link, _request(*frame))
        except (FrameError, SandboxError) as error:
            refusal = error if isinstance(error, RefusedError) else RefusedError(str(error))
            await self._refuse(link, refusal.message())
        except TimeoutError:
            await self._refuse(link, RefusedError("no request came").message())
        except OSError as error:
            logger.debug("a connection ended: %s", error)
        finally:
            link.close()

    async def _answer(self, link: Link, message: dict[str, Any]) -> None:
        operation = message.get("op")
        if not isinstance(operation, str):
            raise RefusedError("op must be a string")
        if operation in OPERATIONS:
            await self._operate_on_files(link, message)
        elif operation in {"start", "attach"}:
            await self._stream(link, message, is_start=operation == "start")
        elif operation == "dial":
            await self._dial(link, tcp_port(message))
        elif operation == "watch":
            await self._watch(link)
        elif operation == "commands":
            await self._list_commands(link)
        elif operation == "history":
            await self._tell_history(link, history_position(message), held=bool(message.get("held")))
        else:
            await link.send([encode_control(self._do(operation, message))])

    async def _stream(self, link: Link, message: dict[str, Any], *, is_start: bool) -> None:
        reading = parse_reading(message)
        if is_start:
            session = self._table.start(parse_start(message, default_ttl=self._limits.default_ttl))
        else:
            session = self._table.find(command_id(message))
        await Exchange(link, session, self._limits).run(reading, wants_started=is_start)

    def _do(self, operation: str, message: dict[str, Any]) -> dict[str, Any]:
        """Answer what takes no time. Raises ``RefusedError``."""
        if operation == "ping":
            return {"type": "pong"}
        if operation == "kill":
            self._table.find(command_id(message)).end("kill")
        elif operation == "signal":
            self._table.find(command_id(message)).signal(signal_number(message))
        else:
            raise RefusedError(f"unknown operation {operation[:32]!r}")
        return {"type": "done"}

    async def _list_commands(self, link: Link) -> None:
        parts = _in_parts(self._table.describe())
        for part in parts[:-1]:
            await link.send([encode_control({"type": "commands", "commands": part, "more": True})])
        await link.send([encode_control({"type": "commands", "commands": parts[-1]})])

    async def _tell_history(self, link: Link, after: int, *, held: bool) -> None:
        parts = _in_parts(self._table.history.after(after))
        last = {"running": self._table.running(), **({"held": self._table.held()} if held else {})}
        for part in parts[:-1]:
            await link.send([encode_control({"type": "history", "entries": part, "more": True})])
        await link.send([encode_control({"type": "history", "entries": parts[-1], **last})])

    async def _operate_on_files(self, link: Link, message: dict[str, Any]) -> None:
        async with self._file_operations:
            helper = await self._spawner.file_operation(message)
            try:
                helper.setblocking(False)
                await relay(link.socket, helper, link.unread())
            finally:
                helper.close()
        await link.farewell(self._limits.farewell_seconds)

    async def _watch(self, link: Link) -> None:
        """Say when the sandbox has ended, to a caller who waits for nothing else."""
        await link.send([encode_control({"type": "watching"})])
        leaving = asyncio.create_task(link.receive())
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({leaving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                await link.send([encode_control({"type": "ended"})])
        finally:
            leaving.cancel()
            ended.cancel()
            await asyncio.gather(leaving, ended, return_exceptions=True)

    async def _dial(self, link: Link, port: int) -> None:
        if self._dialed >= self._limits.dialed:
            raise RefusedError(
                f"{self._limits.dialed} connections to ports are open; close one first", kind="DialFailed"
            )
        self._dialed += 1
        try:
            program = await self._spawner.dial(port)
            try:
                await link.send([encode_control({"type": "dialed"})])
            except BaseException:
                program.close()
                raise
            await Conversation(link, program, self._limits).run()
        except DialError as error:
            raise RefusedError(str(error), kind=error.kind) from None
        finally:
            self._dialed -= 1

    async def _refuse(self, link: Link, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._limits.farewell_seconds):
                await link.send([encode_control(message)])
                await link.farewell(self._limits.farewell_seconds)
        except (OSError, TimeoutError) as error:
            logger.debug("a refused peer is gone: %s", error)


def _in_parts(commands: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Commands as lists, at least one, of which each fits into a frame."""
    parts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for command in commands:
        if size > COMMANDS_PART:
            parts.append([])
            size = 0
        parts[-1].append(command)
        size += 6 * len(command["label"]) + 6 * len(str(command["meta"])) + 6 * len(command["cwd"] or "") + 1024
    return parts


def _request(kind: Kind, body: bytes) -> dict[str, Any]:
    """Raises ``FrameError``."""
    if kind is not Kind.CONTROL:
        raise FrameError("the first frame must be a control frame")
    return decode_control(body)


def _peer_uid(peer: socket.socket) -> int | None:
    """The user at the other end; None where the system cannot tell, and the socket's mode alone protects."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    credentials = peer.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(credentials)[1]
    return uid


def _send_and_close(peer: socket.socket, message: dict[str, Any]) -> None:
    with peer:
        try:
            peer.send(encode_control(message))
        except OSError as error:
            logger.debug("a refused peer is gone: %s", error)


def _remove_socket(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 - pathlib is not loaded in this process
    except FileNotFoundError:
        return
