"""``/boxes/{name}/commands`` and ``/timeline``: what was run in a sandbox, and all that happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from sandboxcore.server.api.command_schemas import CommandOut, CommandsOut, TimelineOut
from sandboxcore.server.api.common import Reader, Runner, answer, errors, get_core, no_content
from sandboxcore.server.api.listing import asked_page, described
from sandboxcore.server.dataplane.shim_client import ShimUnreachableError
from sandboxcore.server.dataplane.shim_history import kill
from sandboxcore.server.errors import ConflictError, InvalidError, NotFoundError, UnreachableError
from sandboxcore.server.names import is_id
from sandboxcore.server.services import box_timeline, sandboxes
from sandboxcore.server.services.box_timeline import BadPositionError, Position
from sandboxcore.server.services.commands import COMMANDS, Place, command_view, find_command
from sandboxcore.server.services.cursors import Selection
from sandboxcore.server.services.history import find_past
from sandboxcore.server.services.listing import PageQuery, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandboxcore.server.auth import Caller
    from sandboxcore.server.core import Core


class _Words(StringConvertor):
    """The rest of a path, whatever it holds: commands are called what their starters like."""

    regex = r"[\s\S]+"


register_url_convertor("words", _Words())
router = APIRouter(prefix="/boxes", tags=["commands"])
MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    """The sandbox of a request, and what its shim said a moment ago."""

    sandbox_id: str
    place: Place | None
    """None where it is not ready."""
    held: Mapping[str, Sequence[int]]


async def _look(core: Core, caller: Caller, name: str) -> _Asked:
    """A sandbox, living or ended, whose commands are written down as of now. Raises ``NotFoundError``."""
    try:
        row = await sandboxes.get_sandbox(core.database, caller=caller, name=name)
    except NotFoundError:
        if not is_id(name):
            raise
        return _Asked((await find_past(core.database, caller=caller, name=name))["id"], None, {})
    if row.state != "ready" or row.shim_socket is None:
        return _Asked(row.id, None, {})
    place = Place(row.id, caller.workspace_id, row.shim_socket)
    told = await core.commands.look(place, held=True)
    return _Asked(row.id, place, told.held if told else {})


@router.get(
    "/{name}/commands", response_model=CommandsOut, responses=errors(404, 422), openapi_extra=described(COMMANDS)
)
async def list_commands(request: Request, caller: Reader, name: str) -> Response:
    """Commands that were run in a sandbox, the latest first; by its identifier also after its end."""
    core = get_core(request)
    query = asked_page(request, COMMANDS) or PageQuery(Selection(COMMANDS.name, COMMANDS.default_sort))
    asked = await _look(core, caller, name)
    part = await page(core.database, COMMANDS, query, owner=asked.sandbox_id)
    return answer({"commands": [command_view(row, asked.held) for row in part.rows], **part.place()})


@router.get("/{name}/commands/{command_id:words}", response_model=CommandOut, responses=errors(404))
async def get_command(request: Request, caller: Reader, name: str, command_id: str) -> Response:
    """One command of a sandbox; its output is had by `reconnect` of its `execute/ws`, as long as it is kept."""
    core = get_core(request)
    asked = await _look(core, caller, name)
    row = await find_command(core.database, sandbox_id=asked.sandbox_id, command_id=command_id)
    return answer(command_view(row, asked.held))


@router.post(
    "/{name}/commands/{command_id:words}/kill",
    status_code=204,
    response_class=Response,
    responses=errors(404, 409, 502),
)
async def kill_command(request: Request, actor: Runner, name: str, command_id: str) -> Response:
    """End a command that runs, and all that it started."""
    core = get_core(request)
    asked = await _look(core, actor, name)
    row = await find_command(core.database, sandbox_id=asked.sandbox_id, command_id=command_id)
    if row.status != "running" or asked.place is None:
        raise _not_running(command_id)
    try:
        if not await kill(asked.place.shim_socket, command_id):
            raise _not_running(command_id)
    except ShimUnreachableError as error:
        raise UnreachableError(str(error)) from None
    return no_content()


def _not_running(command_id: str) -> ConflictError:
    return ConflictError("NotRunning", f"command '{command_id[:128]}' does not run any more")


@router.get("/{name}/timeline", response_model=TimelineOut, responses=errors(404, 422))
async def get_timeline(
    request: Request,
    caller: Reader,
    name: str,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="Most entries of the answer.")] = 100,
    before: Annotated[
        str | None,
        Query(
            max_length=box_timeline.MAX_LENGTH, description="The `next_before` of an earlier answer, to go on there."
        ),
    ] = None,
) -> Response:
    """All that happened to a sandbox, the newest first: events, commands, files, tunnels, services and terminals.

    By its identifier also after its end.
    """
    core = get_core(request)
    try:
        position = None if before is None else Position.parse(before)
    except BadPositionError as error:
        raise InvalidError(("query", "before"), str(error)) from None
    asked = await _look(core, caller, name)
    part = await box_timeline.read(
        core.database, workspace_id=caller.workspace_id, sandbox_id=asked.sandbox_id, limit=limit, before=position
    )
    return answer({"entries": part.entries, "next_before": part.next_before})
