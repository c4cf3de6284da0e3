"""A command's output as a file."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from django.http import HttpResponse, StreamingHttpResponse

from dashboard.commands.access import VIEW
from dashboard.commands.attach import Ended, attach
from dashboard.sockets import RECHECK_SECONDS, Closing
from dashboard.teams.access import NotAllowedError, NotAMemberError, authorise, require
from dashboard.teams.api import client_for
from dashboard.teams.problems import Problem, attempt
from sandboxcore import Gap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.http import HttpRequest, HttpResponseBase

    from dashboard.commands.attach import Attached
    from dashboard.teams.access import Access
    from sandboxcore import CommandRecord, OutputChunk

STREAMS = {"stdout": {"stdout"}, "stderr": {"stderr"}, "both": {"stdout", "stderr"}}
PAUSE = 0.5
"""A command that runs and, after all that was there when it was asked, says nothing for so many seconds has said all
that there is so far."""
SILENCE = 10.0
"""Seconds without a word for which what is still to come is waited for."""
MOST = 64 * 1024 * 1024
"""Bytes of the file of a command that does not stop talking."""


@require("command.view")
async def command_output(request: HttpRequest, access: Access, name: str, command_id: str) -> HttpResponseBase:
    """All that is kept of ``?stream=`` (``stdout``, ``stderr``, ``both``); of a running one what there is so far."""
    stream = request.GET.get("stream", "both")
    wanted = STREAMS.get(stream, STREAMS["both"])
    record = await attempt(client_for(access.team, access.user).get_command(name, command_id))
    pieces = _pieces(access, name, command_id, wanted, record)
    try:
        first = await anext(pieces, b"")
    except Closing as closing:
        return HttpResponse(f"{closing.reason}\n", status=404, content_type="text/plain; charset=utf-8")
    response = StreamingHttpResponse(_all(access, first, pieces), content_type="text/plain; charset=utf-8")
    short = re.sub(r"[^0-9A-Za-z-]", "", command_id)[:8]
    response["Content-Disposition"] = (
        f'attachment; filename="{name}-{short}-{stream if stream in STREAMS else "both"}.txt"'
    )
    response["Cache-Control"] = "private, no-store"
    return response


async def _all(access: Access, first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    asked = clock()
    yield first
    try:
        async for piece in rest:
            # A command may talk for days: its file must not outlive a membership.
            if clock() - asked > RECHECK_SECONDS:
                await authorise(access.user, access.team.slug, VIEW)
                asked = clock()
            yield piece
    except (NotAMemberError, NotAllowedError):
        yield b"\n[You may not look at this command any more.]\n"
    except Closing as closing:
        yield f"\n[{closing.reason}]\n".encode()


async def _pieces(
    access: Access, name: str, command_id: str, wanted: set[str], record: CommandRecord | Problem
) -> AsyncIterator[bytes]:
    """The output of the wanted streams: all of it, or what there is so far. Raises ``Closing``."""
    missing = {"stdout": 0, "stderr": 0}
    if not isinstance(record, Problem):
        missing = {"stdout": record.stdout_bytes, "stderr": record.stderr_bytes}
    over = not isinstance(record, Problem) and record.status != "running"
    sent = 0
    async with attach(access, name, command_id) as command:
        while sent < MOST:
            is_all_there = not any(missing.values()) and not isinstance(record, Problem)
            event = await _next(command, None if over else PAUSE if is_all_there else SILENCE)
            if event is None:
                return
            missing[event.stream] = max(0, missing[event.stream] - _span(event))
            if event.stream in wanted:
                piece = _bytes(event)
                sent += len(piece)
                yield piece


async def _next(command: Attached, pause: float | None) -> OutputChunk | None:
    """The next output; None at the end, and when there is none for a while."""
    try:
        async with asyncio.timeout(pause):
            event = await command.next()
    except TimeoutError:
        return None
    return None if isinstance(event, Ended) else event


def _span(event: OutputChunk) -> int:
    """Bytes of the stream that the event stands for."""
    return event.end - event.start if isinstance(event, Gap) else len(event.data.encode())


def _bytes(event: OutputChunk) -> bytes:
    if isinstance(event, Gap):
        return f"\n[{event.end - event.start} bytes of output are no longer kept]\n".encode()
    return event.data.encode()
