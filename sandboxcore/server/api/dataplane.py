"""``/boxes/{id}/dataplane``: commands and files of one sandbox."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response, WebSocket

from sandboxcore.server.api.common import Runner, answer, errors, get_core, identify
from sandboxcore.server.api.metrics_schemas import PortsOut, ProcessesOut
from sandboxcore.server.api.schemas import ExecuteIn, ExecuteOut, UploadOut
from sandboxcore.server.dataplane.execute import execute
from sandboxcore.server.dataplane.execute_ws import execute_ws
from sandboxcore.server.dataplane.files import Download, upload
from sandboxcore.server.dataplane.looking import PORTS, PROCESSES, look
from sandboxcore.server.dataplane.target import find_target
from sandboxcore.server.dataplane.tunnel import tunnel
from sandboxcore.server.errors import ApiError
from sandboxcore.server.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.target import Target

log = logging.getLogger("sandboxd.api")
router = APIRouter(prefix="/boxes/{sandbox_id}/dataplane", tags=["data plane"])
FilePath = Annotated[str, Query(min_length=1, max_length=4096, description="Absolute, or relative to the user's home.")]


@router.post("/execute", response_model=ExecuteOut, responses=errors(400, 404, 422, 429, 502))
async def run_command(request: Request, caller: Runner, sandbox_id: str, body: ExecuteIn) -> Response:
    """Run a command to its end and answer with all that it printed, up to a bound."""
    core = get_core(request)
    target = await find_target(core, caller, sandbox_id)
    return answer(await execute(core, target, body.model_dump(exclude_none=True)))


@router.post(
    "/upload",
    response_model=UploadOut,
    responses=errors(400, 404, 413, 422, 429, 502),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
async def upload_file(
    request: Request,
    caller: Runner,
    sandbox_id: str,
    path: FilePath,
    mode: Annotated[
        int | None, Query(ge=0, le=0o7777, description="Permission bits; kept or by umask if not given.")
    ] = None,
) -> Response:
    """Write a file, whole or not at all; parent folders are made."""
    core = get_core(request)
    target = await find_target(core, caller, sandbox_id)
    return answer(await upload(core, target, path, mode, request))


@router.get(
    "/download",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The file"},
        **errors(400, 404, 429, 502),
    },
)
async def download_file(request: Request, caller: Runner, sandbox_id: str, path: FilePath) -> Response:
    """Read a file."""
    core = get_core(request)
    return Download(core, await find_target(core, caller, sandbox_id), path)


@router.get("/processes", response_model=ProcessesOut, responses=errors(400, 404, 429, 502))
async def list_processes(request: Request, caller: Runner, sandbox_id: str) -> Response:
    """What runs inside a sandbox, at most 2,000 processes; asking does not count as using the sandbox.

    Names and command lines are the programs' own words, which may be anything.
    """
    core = get_core(request)
    target = await find_target(core, caller, sandbox_id, is_use=False)
    return answer(await look(core, target, PROCESSES))


@router.get("/ports", response_model=PortsOut, responses=errors(400, 404, 429, 502))
async def list_ports(request: Request, caller: Runner, sandbox_id: str) -> Response:
    """The TCP ports on which programs inside a sandbox listen; asking does not count as using the sandbox."""
    core = get_core(request)
    target = await find_target(core, caller, sandbox_id, is_use=False)
    return answer(await look(core, target, PORTS))


@router.websocket("/execute/ws")
async def run_command_live(websocket: WebSocket, sandbox_id: str) -> None:
    """Run a command, or attach to one that runs, and stream both ways."""
    await _serve_websocket(websocket, sandbox_id, execute_ws, is_use=False)  # its first message tells


@router.websocket("/tunnel")
async def open_tunnel(websocket: WebSocket, sandbox_id: str) -> None:
    """Carry TCP connections to ports inside the sandbox, as yamux streams."""
    await _serve_websocket(websocket, sandbox_id, tunnel)


async def _serve_websocket(
    websocket: WebSocket,
    sandbox_id: str,
    serve: Callable[[Core, Target, WebSocket], Awaitable[None]],
    *,
    is_use: bool = True,
) -> None:
    """Serve a socket of a caller who may; refusals are HTTP answers."""
    core = get_core(websocket)
    try:
        caller = await identify(websocket, "run")
        target = await find_target(core, caller, sandbox_id, is_use=is_use)
        await serve(core, target, websocket)
    except ApiError as error:
        say = refusals.info if error.status == 401 else log.info
        say("%d WS %s: %s: %s", error.status, websocket.url.path, error.kind, error.message)
        await websocket.send_denial_response(answer(error.body(), error.status))
