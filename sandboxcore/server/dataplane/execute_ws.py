"""``WS /execute/ws``: a command's output to a client, and the client's input and orders to the command.

A connection is two loops: ``_downstream`` turns the shim's frames into messages, ``Upstream`` the client's messages
into frames. Each holds back its source when its sink is slow, so that nothing gathers here. Offsets are the shim's,
untouched.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import orjson
from starlette.websockets import WebSocketDisconnect

from sandboxcore.server.dataplane.closing import CLOSE_SECONDS, close
from sandboxcore.server.dataplane.commands import CommandRefusedError, attach_message, start_message
from sandboxcore.server.dataplane.shim_client import ShimConnection, ShimUnreachableError
from sandboxcore.server.dataplane.upstream import ClientMessageError, Flow, Upstream, parse_message
from sandboxcore.server.errors import UnreachableError
from sandboxcore.server.services.commands import is_pty
from sandboxcore.server.waiting import first_of
from sandboxcore.shim.wire import OFFSET, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from starlette.websockets import WebSocket

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.target import Target

log = logging.getLogger("sandboxd.execute")
POLICY_VIOLATION = 1008
_STREAMS = {Kind.STDOUT: "stdout", Kind.STDERR: "stderr"}
_LAST = (b'"exit"', b'"error"')


async def execute_ws(core: Core, target: Target, websocket: WebSocket) -> None:
    """Serve one socket, not yet accepted, to its end.

    Raises ``UnreachableError``, or ``ApiError`` 429, before accepting it.
    """
    with core.streams.admitted(target) as farewell:
        # The first connection shows, while HTTP can still tell it, whether there is a shim.
        await _probe(target)
        await websocket.accept()
        serving = asyncio.create_task(_serve(core, target, websocket))
        await first_of(serving, farewell)
        if serving.done():
            serving.result()
            return
        serving.cancel()
        await asyncio.wait({serving})
        await close(websocket, farewell.result().code, farewell.result().message)


async def _probe(target: Target) -> None:
    try:
        shim = await ShimConnection.open(target.shim_socket)
    except ShimUnreachableError as error:
        raise UnreachableError(str(error)) from None
    shim.abort()


async def _serve(core: Core, target: Target, websocket: WebSocket) -> None:
    try:
        request = await _first_message(core, websocket)
        if request is None:
            return
        opening = _opening(request, target.caller)
        if not opening.get("watch"):
            core.activity.touch(target.sandbox_id)
        visit = await _visit(core, target, opening)
        shim = await ShimConnection.open(target.shim_socket)
        try:
            with visit:
                await _stream(core, target=target, websocket=websocket, shim=shim, request=request, opening=opening)
        finally:
            await shim.close()
    except (ClientMessageError, CommandRefusedError, ShimUnreachableError) as error:
        await _refuse(websocket, str(error))
    except ValueError as error:
        await _refuse(websocket, str(error))


def _opening(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The shim's message for the client's first. Raises ``ClientMessageError`` or ``CommandRefusedError``."""
    if request["type"] == "execute":
        return start_message(request, caller)
    if request["type"] == "reconnect":
        return attach_message(request)
    raise ClientMessageError(f"the first message must be 'execute' or 'reconnect', not '{str(request['type'])[:32]}'")


async def _visit(core: Core, target: Target, opening: dict[str, Any]) -> AbstractContextManager[None]:
    """What takes note of somebody at a terminal, from when the block is entered until it is left."""
    command_id = opening["command_id"]
    is_terminal = opening.get("pty") or (
        opening["op"] == "attach" and await is_pty(core.database, sandbox_id=target.sandbox_id, command_id=command_id)
    )
    return _at_terminal(core, target, command_id) if is_terminal else nullcontext()


@contextmanager
def _at_terminal(core: Core, target: Target, command_id: str) -> Iterator[None]:
    core.accesses.note(target, "terminal.opened", command_ids=command_id)
    try:
        yield
    finally:
        core.accesses.note(target, "terminal.closed", command_ids=command_id)


async def _first_message(core: Core, websocket: WebSocket) -> dict[str, Any] | None:
    """The client's first message; None when it left or said nothing for too long. Raises ``ClientMessageError``."""
    try:
        async with asyncio.timeout(core.settings.first_message_wait):
            message = await websocket.receive()
    except TimeoutError:
        await close(websocket, POLICY_VIOLATION, "no message came")
        return None
    return None if message["type"] == "websocket.disconnect" else parse_message(message)


async def _stream(
    core: Core,
    *,
    target: Target,
    websocket: WebSocket,
    shim: ShimConnection,
    request: dict[str, Any],
    opening: dict[str, Any],
) -> None:
    await shim.send(opening)
    flow = Flow.of(request)
    upstream = Upstream(core, target, shim, opening["command_id"], flow)
    incoming = asyncio.create_task(upstream.run(websocket))
    touch = _nothing if opening.get("watch") else core.activity.touch
    outgoing = asyncio.create_task(_downstream(core, target, websocket, shim, flow, touch=touch))
    try:
        await asyncio.wait({incoming, outgoing}, return_when=asyncio.FIRST_COMPLETED)
        if incoming.done() and incoming.exception() is None and incoming.result():
            await shim.send({"op": "detach"})
    finally:
        incoming.cancel()
        outgoing.cancel()
        results = await asyncio.gather(incoming, outgoing, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result
    if outgoing.done() and not outgoing.cancelled():
        await close(websocket, 1000, "")


def _nothing(sandbox_id: str) -> None:
    """Who only watches does not use the sandbox."""


async def _downstream(
    core: Core,
    target: Target,
    websocket: WebSocket,
    shim: ShimConnection,
    flow: Flow,
    *,
    touch: Callable[[str], None],
) -> None:
    """Send what the shim says, until it has said how the command ended. Raises ``ShimUnreachableError``."""
    sandbox_id, send = target.sandbox_id, websocket.send
    while True:
        kind, body = await shim.receive()
        if kind is Kind.CONTROL:
            core.commands.touch(target)
            await send({"type": "websocket.send", "text": body.decode()})
            if _is_last(body):
                return
            continue
        text = body[OFFSET.size :].decode(errors="replace")
        message = {"type": _STREAMS[kind], "data": text, "offset": OFFSET.unpack_from(body)[0]}
        await send({"type": "websocket.send", "text": orjson.dumps(message).decode()})
        touch(sandbox_id)
        if flow.window:
            await flow.sent(len(body) - OFFSET.size)


def _is_last(body: bytes) -> bool:
    """Whether a control message ends the exchange."""
    return any(word in body for word in _LAST) and orjson.loads(body).get("type") in ("exit", "error")


async def _refuse(websocket: WebSocket, message: str) -> None:
    """Say why nothing more comes, and close."""
    error = {"type": "error", "error_type": "CommandError", "error": message}
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.send({"type": "websocket.send", "text": orjson.dumps(error).decode()})
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return
    await close(websocket, 1000, "")
