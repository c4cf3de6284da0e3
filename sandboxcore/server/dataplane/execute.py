"""``POST /execute``: run a command to its end and answer with all of its output."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sandboxcore.server.dataplane.commands import CommandRefusedError, start_message
from sandboxcore.server.dataplane.shim_client import ShimConnection, ShimUnreachableError, connected
from sandboxcore.server.errors import ApiError, UnreachableError
from sandboxcore.server.waiting import first_of
from sandboxcore.shim.wire import OFFSET, Kind, decode_control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.target import Target


async def execute(core: Core, target: Target, request: Mapping[str, Any]) -> dict[str, Any]:
    """``{stdout, stderr, exit_code}``. Raises ``ApiError``: 400 ``CommandError`` or ``CommandTimeout``, 502."""
    try:
        message = start_message(request, target.caller, over_http=True) | {"pty": False, "gaps": True, "modes": False}
    except CommandRefusedError as error:
        raise _command_error(str(error)) from None
    with core.streams.admitted(target) as farewell:
        running = asyncio.create_task(_run(core, target, message))
        await first_of(running, farewell)
        if running.done():
            return running.result()
        running.cancel()
        await asyncio.wait({running})
        # Not a 5xx: clients retry those, and the command would run twice.
        raise _command_error(f"{farewell.result().message}, and its output was not returned")


async def _run(core: Core, target: Target, message: dict[str, Any]) -> dict[str, Any]:
    try:
        async with connected(target.shim_socket) as shim:
            try:
                await shim.send(message)
            except ValueError as error:
                raise _command_error(str(error)) from None
            await shim.send({"op": "close_stdin"})
            return await _collect(core, target, shim)
    except ShimUnreachableError as error:
        raise UnreachableError(str(error)) from None


async def _collect(core: Core, target: Target, shim: ShimConnection) -> dict[str, Any]:
    output = {Kind.STDOUT: bytearray(), Kind.STDERR: bytearray()}
    while True:
        kind, body = await shim.receive()
        core.activity.touch(target.sandbox_id)
        if kind is Kind.CONTROL:
            core.commands.touch(target)
            answer = decode_control(body)
            if answer["type"] == "exit":
                return {
                    "stdout": output[Kind.STDOUT].decode(errors="replace"),
                    "stderr": output[Kind.STDERR].decode(errors="replace"),
                    "exit_code": answer["exit_code"],
                }
            if answer["type"] == "error":
                raise ApiError(400, answer["error_type"], answer["error"])
            if answer["type"] == "gap":
                await shim.send({"op": "kill"})
                raise _command_error("output came faster than it could be read and was lost; use the WebSocket")
        elif kind in output:
            output[kind] += memoryview(body)[OFFSET.size :]
            if len(output[kind]) > core.settings.execute_output_limit:
                await shim.send({"op": "kill"})
                limit = core.settings.execute_output_limit
                raise _command_error(
                    f"the command printed more than {limit} bytes and was ended; use the WebSocket for so much"
                )


def _command_error(message: str) -> ApiError:
    return ApiError(400, "CommandError", message)
