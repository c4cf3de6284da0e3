"""The pages of bulk runs: asking, how far one is, what came of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count
from django.http import Http404, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.frame import answer
from dashboard.lists.drafts import BadSelectionError, read_selection, save_draft, select_all
from dashboard.lists.models import BulkItem, BulkRun, ItemState, State
from dashboard.lists.query import Query
from dashboard.lists.runner import RUNNER
from dashboard.lists.spec import REGISTRY
from dashboard.teams.access import NotAllowedError, require
from dashboard.teams.problems import Problem, attempt

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from dashboard.lists.spec import BulkAction, ListSpec
    from dashboard.teams.access import Access, TeamView

SHOWN = 100
"""Rows of each kind on a run's page; the file has all."""


@dataclass(frozen=True, slots=True)
class Told:
    """A run as its page tells it."""

    run: BulkRun
    spec: ListSpec[Any]
    action: BulkAction[Any]
    ok: int
    failed: int
    rows: list[BulkItem]
    own: bool
    """Whether who looks began it, and so may go on with it."""

    @property
    def ended(self) -> int:
        """How many rows have come to their end."""
        return self.ok + self.failed

    @property
    def noun(self) -> str:
        """What the rows are, of so many."""
        return self.spec.noun[0] if self.run.total == 1 else self.spec.noun[1]

    @property
    def goes_on(self) -> bool:
        """Whether more is to come by itself."""
        return self.run.state == State.RUNNING and not self.run.interrupted

    @property
    def more(self) -> int:
        """How many rows are not shown."""
        return self.run.total - len(self.rows)


def bulk_view(spec: ListSpec[Any]) -> TeamView:
    """The view to which a selection of this list is sent, with the name of an action."""

    @require_POST
    @require(spec.permission)
    async def view(request: HttpRequest, access: Access, /, **where: str) -> HttpResponseBase:
        try:
            action = spec.action(request.POST.get("action", ""))
        except KeyError:
            raise Http404 from None
        _may(access, action)
        try:
            chosen = await _chosen(spec, request, access, where)
        except BadSelectionError as error:
            chosen = Problem(str(error), status=422)
        if isinstance(chosen, Problem):
            context = {"section": spec.section, "problem": chosen, "title": action.label, "list_name": spec.name}
            return await answer(
                request, access, "lists/refused.html", context, fragment="lists/_refused.html", status=200
            )
        run = await save_draft(access, spec, action, chosen)
        if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
            return await _show(request, access, run)
        return redirect("bulk_run", team=access.team.slug, run=run.pk)

    return view


async def _chosen(
    spec: ListSpec[Any], request: HttpRequest, access: Access, where: dict[str, str]
) -> list[tuple[str, str]] | Problem:
    if request.POST.get("all") != "true":
        return read_selection(request.POST.get("keys", ""))
    query = Query.read(spec, QueryDict(request.POST.get("query", "").removeprefix("?")[:8000]), where)
    return await attempt(select_all(spec, access, query))


def _may(access: Access, action: BulkAction[Any]) -> None:
    if not access.can(action.permission):
        raise NotAllowedError(access, action.permission)


async def _find(access: Access, pk: UUID) -> BulkRun:
    """The run, for who may see its list. Raises ``Http404`` and ``NotAllowedError``."""
    run = await BulkRun.objects.select_related("person", "team").filter(team=access.team, pk=pk).afirst()
    if run is None or run.list_name not in REGISTRY:
        raise Http404
    spec = REGISTRY[run.list_name]
    if not access.can(spec.permission):
        raise NotAllowedError(access, spec.permission)
    return run


async def tell(access: Access, run: BulkRun) -> Told:
    """The run with its counts, and its rows as far as they are shown: failed ones first."""
    spec = REGISTRY[run.list_name]
    counted = BulkItem.objects.filter(run=run).values_list("state").annotate(count=Count("pk")).order_by()
    counts = {state: count async for state, count in counted}
    rows: list[BulkItem] = []
    for state in (ItemState.FAILED, ItemState.OK, ItemState.WAITING):
        rows += [row async for row in BulkItem.objects.filter(run=run, state=state)[:SHOWN]]
    action = spec.action(run.action)
    failed, ok = counts.get(ItemState.FAILED, 0), counts.get(ItemState.OK, 0)
    return Told(run, spec, action, ok, failed, rows[: 2 * SHOWN], run.person_id == access.user.pk)


async def _show(request: HttpRequest, access: Access, run: BulkRun) -> HttpResponse:
    told = await tell(access, run)
    context = {"section": told.spec.section, "told": told, "run": run}
    return await answer(request, access, "lists/run.html", context, fragment="lists/_run.html")


@require("team.view")
async def bulk_run(request: HttpRequest, access: Access, run: UUID) -> HttpResponse:
    """How far a run is, and what came of each row; a draft asks whether to begin."""
    return await _show(request, access, await _find(access, run))


@require_POST
@require("team.view")
async def bulk_start(request: HttpRequest, access: Access, run: UUID) -> HttpResponseBase:
    """Begin a run, or go on with one that was interrupted. Only who chose its rows may."""
    found = await _find(access, run)
    action = REGISTRY[found.list_name].action(found.action)
    _may(access, action)
    if found.person_id != access.user.pk:
        raise Http404
    choice = request.POST.get("choice")
    if choice not in {each.value for each in action.choices}:
        choice = None
    if found.state == State.DRAFT and action.choices and choice is None:
        choice = action.choices[0].value
    await RUNNER.start(found, choice)
    return await _again(request, access, found)


@require_POST
@require("team.view")
async def bulk_cancel(request: HttpRequest, access: Access, run: UUID) -> HttpResponseBase:
    """Begin no more rows of a run."""
    found = await _find(access, run)
    _may(access, REGISTRY[found.list_name].action(found.action))
    await RUNNER.cancel(found)
    return await _again(request, access, found)


async def _again(request: HttpRequest, access: Access, run: BulkRun) -> HttpResponseBase:
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return await _show(request, access, await _find(access, run.pk))
    return redirect("bulk_run", team=access.team.slug, run=run.pk)


async def runs_of(access: Access, spec: ListSpec[Any]) -> list[Told]:
    """Runs of this list that go on or wait to be continued, for the page of the list."""
    if not spec.bulk:
        return []
    open_runs = BulkRun.objects.filter(
        team=access.team, list_name=spec.name, state__in=[State.RUNNING, State.STOPPED]
    ).select_related("person")
    return [await tell(access, run) async for run in open_runs[:3]]
