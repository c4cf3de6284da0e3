"""``POST /upload`` and ``GET /download``: files streamed between HTTP and a shim, never whole in memory or on disk."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from sandboxcore.errors import SandboxError
from sandboxcore.server.dataplane.multipart import FileStream, MultipartFormError
from sandboxcore.server.dataplane.shim_client import ShimConnection, ShimUnreachableError
from sandboxcore.server.dataplane.streams import KEY_ENDED
from sandboxcore.server.errors import ApiError, InvalidError, UnreachableError
from sandboxcore.server.waiting import client_left, first_of
from sandboxcore.shim.wire import Kind, decode_control

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.streams import Farewell
    from sandboxcore.server.dataplane.target import Target

T = TypeVar("T")
log = logging.getLogger("sandboxd.files")
DISCARD_LIMIT = 64 * 2**20
"""Most that is read of an upload already refused: clients that are still sending do not see an answer."""
_FIXED = {"FileNotFound": (404, "FileNotFound"), "PermissionDenied": (403, "PermissionDenied")}


class BrokenOffError(SandboxError):
    """A download ended before its end."""


def file_error(answer: dict[str, Any], otherwise: str) -> ApiError:
    """The API's error for a shim's; ``otherwise`` is ``ReadError`` or ``WriteError``."""
    status, kind = _FIXED.get(answer.get("error_type", ""), (400, otherwise))
    return ApiError(status, kind, str(answer.get("error", "the file operation failed")))


async def upload(core: Core, target: Target, path: str, mode: int | None, request: Request) -> dict[str, Any]:
    """Write the multipart field ``file`` of the request to ``path``, all of it or nothing. Raises ``ApiError``."""
    with core.streams.admitted(target) as farewell:
        shim = await _open(target)
        try:
            return await _unless_key_ends(
                _upload(core, target=target, shim=shim, path=path, mode=mode, request=request), farewell
            )
        except ShimUnreachableError as error:
            raise UnreachableError(str(error)) from None
        except MultipartFormError as error:
            raise InvalidError(("body", "file"), str(error)) from None
        except ClientDisconnect:
            raise ApiError(400, "WriteError", "the client left before the file was whole") from None
        finally:
            await shim.close()


async def _unless_key_ends(work: Coroutine[None, None, T], farewell: asyncio.Future[Farewell]) -> T:
    """What the work gives; a server that ends lets it finish. Raises ``ApiError`` 401 as soon as the key ends."""
    working = asyncio.ensure_future(work)
    try:
        await first_of(working, farewell)
        if not working.done() and farewell.result() is not KEY_ENDED:
            await asyncio.wait({working})
        if working.done():
            return working.result()
    finally:
        working.cancel()
        await asyncio.wait({working})
    raise ApiError(401, "Unauthorized", "the API key was revoked or has expired meanwhile")


async def _upload(
    core: Core, *, target: Target, shim: ShimConnection, path: str, mode: int | None, request: Request
) -> dict[str, Any]:
    content = FileStream(request.headers.get("content-type", ""), request.stream(), field="file")
    await shim.send({"op": "write", "path": path, "mode": mode})
    answer = await shim.receive_control()
    if answer["type"] == "error":
        await content.discard(DISCARD_LIMIT)
        raise file_error(answer, "WriteError")
    size = 0
    async for piece in content:
        size += len(piece)
        if size > core.settings.upload_limit:
            raise ApiError(
                413, "WriteError", f"the file is larger than {core.settings.upload_limit} bytes, the most that is taken"
            )
        await _send_piece(shim, piece, content)
        core.activity.touch(target.sandbox_id)
    await shim.send({"op": "end"})
    answer = await shim.receive_control()
    if answer["type"] == "error":
        raise file_error(answer, "WriteError")
    core.accesses.note(target, "file.written", size=size, paths=path)
    return {"path": path, "size": answer.get("size", size)}


async def _send_piece(shim: ShimConnection, piece: bytes, content: FileStream) -> None:
    """Send a part of the file; where the shim broke off, say why with the error that it left."""
    try:
        await shim.send_data(piece)
    except ShimUnreachableError:
        answer = await shim.receive_control()
        if answer["type"] != "error":
            raise
        await content.discard(DISCARD_LIMIT)
        raise file_error(answer, "WriteError") from None


class Download(Response):
    """The file at ``path``, fetched while it is sent. Raises ``ApiError`` before anything is sent."""

    def __init__(self, core: Core, target: Target, path: str) -> None:
        super().__init__()
        self._core = core
        self._target = target
        self._path = path
        self._started = False

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Fetch and send."""
        with self._core.streams.admitted(self._target) as farewell:
            shim = await _open(self._target)
            try:
                await _unless_key_ends(self._send(shim, receive, send), farewell)
            except ApiError:
                if not self._started:
                    raise
                log.info("a download was cut short: its key has ended")
            finally:
                await shim.close()

    async def _send(self, shim: ShimConnection, receive: Receive, send: Send) -> None:
        head = await _read_head(shim, self._path)
        self._started = True
        self._core.accesses.note(self._target, "file.read", size=head["size"], paths=self._path)
        await send({"type": "http.response.start", "status": 200, "headers": _headers(self._path, head["size"])})
        await self._send_content(shim, receive, send)

    async def _send_content(self, shim: ShimConnection, receive: Receive, send: Send) -> None:
        """An answer that is cut short is shorter than its Content-Length, which tells the client."""
        disconnected = asyncio.create_task(client_left(receive))
        try:
            while not disconnected.done():
                kind, body = await shim.receive()
                if kind is not Kind.DATA:
                    self._check_end(body)
                    await send({"type": "http.response.body", "body": b""})
                    return
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self._core.activity.touch(self._target.sandbox_id)
        except ShimUnreachableError as error:
            raise BrokenOffError(f"download of a file broke off: {error}") from None
        finally:
            disconnected.cancel()

    def _check_end(self, body: bytes) -> None:
        answer = decode_control(body)
        if answer["type"] != "end":
            raise BrokenOffError(f"download of a file broke off: {answer.get('error')}")


def _headers(path: str, size: int) -> list[tuple[bytes, bytes]]:
    name = path.rstrip("/").rpartition("/")[2] or "file"
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._- ") else "_" for letter in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(size).encode()),
        (b"content-disposition", disposition.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]


async def _read_head(shim: ShimConnection, path: str) -> dict[str, Any]:
    try:
        await shim.send({"op": "read", "path": path, "offset": 0, "length": None})
        answer = await shim.receive_control()
    except ShimUnreachableError as error:
        raise UnreachableError(str(error)) from None
    if answer["type"] == "error":
        raise file_error(answer, "ReadError")
    return answer


async def _open(target: Target) -> ShimConnection:
    try:
        return await ShimConnection.open(target.shim_socket)
    except ShimUnreachableError as error:
        raise UnreachableError(str(error)) from None
