"""What was run in sandboxes and what happened to them: extensions of the API, which not every server has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.client._async._lists import AsyncList
from sandboxcore.journal import CommandRecord, Timeline
from sandboxcore.protocol import extensions
from sandboxcore.protocol.lists import parameters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Unpack

    from sandboxcore.client._async._http import AsyncHttp
    from sandboxcore.models import Page
    from sandboxcore.protocol.lists import CommandSelection


class AsyncJournal:
    """The part of a client that knows what was run in sandboxes.

    A sandbox is named by its name, or by its identifier, which goes after its end too. Every method raises
    ``ResourceNotFoundError``, and ``ExtensionUnsupportedError`` on a server that does not have what it reads.
    """

    _http: AsyncHttp

    async def list_commands(
        self,
        name: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        **asked: Unpack[CommandSelection],
    ) -> Page[CommandRecord]:
        """A page of the commands that were run in a sandbox, the latest first; at most ``limit`` (1-1000, default 100).

        See ``iter_commands`` for ``asked``. ``cursor`` is an earlier page's ``next_cursor``. Raises
        ``ValidationError``.
        """
        return await self._commands(name).page({"limit": limit, "offset": offset, "cursor": cursor, **asked})

    def iter_commands(
        self, name: str, *, page_size: int | None = None, **asked: Unpack[CommandSelection]
    ) -> AsyncIterator[CommandRecord]:
        """Each of the commands that were run in a sandbox, the latest first.

        ``asked`` may have ``sort``, ``q``, ``status``, ``origin``, ``actor``, ``started_after`` and
        ``started_before``. Raises what ``list_commands`` raises.
        """
        return self._commands(name).walk(asked, page_size)

    async def get_command(self, name: str, command_id: str) -> CommandRecord:
        """One command of a sandbox; ``reconnect`` of a sandbox reads its output."""
        return CommandRecord.from_dict(await self._http.json(extensions.read_command(name, command_id)))

    async def kill_command(self, name: str, command_id: str) -> None:
        """End a command that runs, and all that it started. Raises ``SandboxOperationError`` where it does not run."""
        await self._http.fetch(extensions.kill_command(name, command_id))

    async def get_timeline(self, name: str, *, limit: int | None = None, before: str | None = None) -> Timeline:
        """What happened to a sandbox, the newest first: events, commands, files, tunnels, services and terminals.

        At most ``limit`` entries (1-1000, default 100); ``before`` is an earlier answer's ``next_before``. Raises
        ``ValidationError``.
        """
        query = parameters({"limit": limit, "before": before})
        return Timeline(await self._http.json(extensions.read_timeline(name, query)))

    def _commands(self, name: str) -> AsyncList[CommandRecord]:
        return AsyncList(self._http, extensions.read_commands(name), "commands", CommandRecord.from_dict)
