# Generated from sandboxcore/client/_async/_reports.py by tools/unasync.py: change that file, then run this tool.
"""What a workspace has seen happen, may hold and has used: extensions of the API, which not every server has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore.client._sync._events import EventFeed
from sandboxcore.client._sync._lists import List
from sandboxcore.fields import Fields
from sandboxcore.metrics import SandboxMetrics, WorkspaceMetrics
from sandboxcore.protocol import extensions
from sandboxcore.protocol.lists import parameters
from sandboxcore.reports import EventPage, Limits, PastSandbox, PoolClaim, SandboxHistory, Usage
from sandboxcore.summaries import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Literal, Unpack

    from sandboxcore.client._sync._http import Http
    from sandboxcore.models import Page
    from sandboxcore.protocol.lists import HistorySelection


class Reports:
    """The part of a client that reads reports.

    Every method raises ``ExtensionUnsupportedError`` on a server that does not have what it reads.
    """

    _http: Http

    def events(self, after: int | None = None) -> EventFeed:
        """What happens in the workspace, as it does, from the event with the number ``after`` on; without, from now on.

        Lost connections are opened again, and nothing is missed or doubled. See ``Event.is_reset`` for the one case
        where the server cannot go back so far.
        """
        return EventFeed(self._http, after)

    def list_events(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        subject: str | None = None,
        types: Sequence[str] = (),
    ) -> EventPage:
        """What happened in the workspace, in order: at most ``limit`` (1-1000, default 100), after number ``after``.

        ``subject`` is the identifier of a thing, or a name that it had; ``types`` are like ``sandbox.ready``, or
        ``sandbox`` for all that is about one. Raises ``ValidationError``.
        """
        order = "desc" if newest_first else None
        asked = {"after": after, "limit": limit, "order": order, "subject": subject, "type": list(types) or None}
        return EventPage(self._http.json(extensions.read(extensions.EVENTS, "events", parameters(asked))))

    def list_sandbox_events(self, name: str, *, after: int | None = None, limit: int | None = None) -> EventPage:
        """What happened to a sandbox; by its identifier also after its end. Raises ``ResourceNotFoundError``."""
        query = parameters({"after": after, "limit": limit})
        return EventPage(self._http.json(extensions.read_sandbox_events(name, query)))

    def list_pool_claims(self, name: str, *, limit: int | None = None) -> list[PoolClaim]:
        """The newest creates of a pool's template, newest first: warm or not, how long, and why not.

        Raises ``ResourceNotFoundError``.
        """
        answer = self._http.json(extensions.read_pool_claims(name, parameters({"limit": limit})))
        return [PoolClaim.from_dict(claim) for claim in Fields(answer, "claims").objects("claims")]

    def list_history(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        **asked: Unpack[HistorySelection],
    ) -> Page[PastSandbox]:
        """A page of the sandboxes that have ended, the latest first; at most ``limit`` (1-1000, default 100).

        See ``iter_history`` for ``asked``. ``cursor`` is an earlier page's ``next_cursor``. Raises ``ValidationError``.
        """
        return self._history.page({"limit": limit, "offset": offset, "cursor": cursor, **asked})

    def iter_history(self, *, page_size: int | None = None, **asked: Unpack[HistorySelection]) -> Iterator[PastSandbox]:
        """Each of the sandboxes that have ended, the latest first.

        ``asked`` may have ``sort``, ``q``, ``name``, ``template``, ``pool``, ``stop_reason``, ``created_by`` and
        ``ended_by``. Raises ``ValidationError``.
        """
        return self._history.walk(asked, page_size)

    def get_history(self, sandbox_id: str) -> SandboxHistory:
        """A sandbox by identifier, living or ended, with what happened to it. Raises ``ResourceNotFoundError``."""
        return SandboxHistory.from_dict(self._http.json(extensions.read_history(sandbox_id)))

    def get_summary(self) -> Summary:
        """What the workspace has, counted at one moment; its idlest sandboxes and its newest failures."""
        return Summary.from_dict(self._http.json(extensions.read(extensions.SUMMARY, "summary")))

    def get_metrics(
        self, *, start: datetime | str | None = None, end: datetime | str | None = None, step: float | None = None
    ) -> WorkspaceMetrics:
        """What all sandboxes of the workspace used together: until now, and in the last hour, where no time is given.

        ``step`` is seconds between two points. Raises ``ValidationError``.
        """
        query = parameters({"from": start, "to": end, "step": step})
        return WorkspaceMetrics.from_dict(self._http.json(extensions.read(extensions.METRICS, "metrics", query)))

    def get_sandbox_metrics(
        self,
        name: str,
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        step: float | None = None,
    ) -> SandboxMetrics:
        """What a sandbox used, as ``get_metrics``; by its identifier also after its end.

        Raises ``ResourceNotFoundError`` and ``ValidationError``.
        """
        query = parameters({"from": start, "to": end, "step": step})
        return SandboxMetrics.from_dict(self._http.json(extensions.read_sandbox_metrics(name, query)))

    def get_limits(self) -> Limits:
        """What the workspace may hold, and what it holds now."""
        return Limits.from_dict(self._http.json(extensions.read(extensions.LIMITS, "limits")))

    def get_usage(
        self,
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        step: Literal["hour", "day", "total"] = "day",
        by: Literal["template", "creator", "none"] = "none",
    ) -> Usage:
        """What the workspace used: until now, for the last 30 days, or the last day by hours, where no time is given.

        Raises ``ValidationError``.
        """
        query = parameters({"from": start, "to": end, "step": step, "by": by})
        return Usage.from_dict(self._http.json(extensions.read(extensions.USAGE, "usage", query)))

    @property
    def _history(self) -> List[PastSandbox]:
        call = extensions.read(extensions.HISTORY, "history")
        return List(self._http, call, "sandboxes", PastSandbox.from_dict)
