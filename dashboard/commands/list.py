"""The list of a sandbox's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.html import format_html

from dashboard.commands.forms import RunForm
from dashboard.commands.views.run import initial_of
from dashboard.lists import cells
from dashboard.lists.spec import Column, Empty, Filter, Link, ListSpec, Rows, fixed
from dashboard.resources import snippets
from dashboard.resources.lists import choices
from dashboard.resources.page import find_sandbox, sandbox_page
from dashboard.teams.api import client_for
from dashboard.templatetags.commands import origin, took
from dashboard.templatetags.console import icon
from dashboard.terminals.names import terminal_names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from dashboard.lists.query import Query
    from dashboard.teams.access import Access
    from sandboxcore import CommandRecord

LINE = 200
"""Characters of a command line that a row shows."""
STATES = {
    "running": ("running", "blue"),
    "killed": ("killed", "orange"),
    "timed_out": ("timed out", "orange"),
    "failed": ("did not start", "red"),
    "lost": ("lost", "secondary"),
}
EVERY = 3000
"""Milliseconds after which the list is asked for again: the server tells no events of commands."""


class Row:
    """A command with the sandbox that it is of: the list's functions are given no more.

    ``terminal`` is what a terminal is called; empty for any other command.
    """

    def __init__(self, command: CommandRecord, sandbox: str, terminal: str = "") -> None:
        self.command = command
        self.sandbox = sandbox
        self.terminal = terminal


async def _fetch(access: Access, query: Query) -> Rows[Row]:
    name = query.where["name"]
    client = client_for(access.team, access.user)
    found = await client.list_commands(name, limit=query.size, offset=query.offset, **_asked(query))
    terminals = await terminal_names(access.team, [(each.id, each.command) for each in found])
    return Rows([Row(each, name, terminals.get(each.id, "")) for each in found], found.total)


async def _walk(access: Access, query: Query) -> AsyncIterator[Row]:
    name = query.where["name"]
    async for each in client_for(access.team, access.user).iter_commands(name, page_size=500, **_asked(query)):
        yield Row(each, name)


def _asked(query: Query) -> dict[str, Any]:
    return {
        "sort": query.sort,
        "q": query.q or None,
        **{key: query.values(key) for key in ("status", "origin", "actor")},
    }


def _address(view: str, access: Access, row: Row) -> str:
    return reverse(view, kwargs={"team": access.team.slug, "name": row.sandbox, "command_id": row.command.id})


def _line(line: str, row: Row, access: Access) -> str:
    """The command line, in one line; a whole one is on its page, and what starts a terminal too."""
    if row.terminal:
        return format_html("{}{}", icon("terminal-2", "icon-sm me-1"), cells.text(row.terminal))
    short = " ".join(line[: LINE * 2].split())
    cut = len(short) > LINE or len(line) > LINE * 2
    return format_html(
        '<code class="command-cell" dir="auto">{}{}</code>', cells.visible(short[:LINE]), "…" if cut else ""
    )


def state_of(status: str, exit_code: int | None) -> tuple[str, str]:
    """How a command stands, in words, and the colour of that."""
    if status == "exited":
        return ("failed", "red") if exit_code else ("done", "green")
    return STATES.get(status, (cells.visible(status), "secondary"))


def _state(status: str, row: Row, access: Access) -> SafeString | str:
    words, colour = state_of(status, row.command.exit_code)
    return cells.badge(words, colour, moving=status == "running")


def _origin(value: str, row: Row, access: Access) -> str:
    return format_html('<span class="text-secondary text-nowrap">{}</span>', origin(value) if value else "—")


def _took(seconds: float | None, row: Row, access: Access) -> str:
    return format_html('<span class="text-nowrap">{}</span>', took(seconds))


def _actions(access: Access, row: Row) -> Sequence[Link]:
    if row.command.status == "running" and access.can("command.kill"):
        return [Link("End", "player-stop", _address("command_kill", access, row), dialog=True)]
    return ()


async def _around(request: HttpRequest, access: Access, query: Query, context: Mapping[str, Any]) -> HttpResponse:
    """The list as a tab of the sandbox's page, below the run box."""
    name = query.where["name"]
    found = await find_sandbox(access, name)
    form = RunForm(initial=await initial_of(access, name, ""))
    return await sandbox_page(
        request, access, found, "commands/list.html", tab="commands", context={**context, "form": form}
    )


COMMANDS: ListSpec[Row] = ListSpec(
    name="command_list",
    section="sandboxes",
    permission="command.view",
    title="Commands",
    noun=("command", "commands"),
    where=("name",),
    around=_around,
    sort="-started_at",
    search="Command line, person",
    live="sandbox",
    every=EVERY,
    columns=(
        Column("command", "Command", lambda row: row.command.command, _line, sort="command", main=True),
        Column("status", "State", lambda row: row.command.status, _state, sort="status"),
        Column("exit_code", "Exit code", lambda row: row.command.exit_code, cells.number, sort="exit_code", end=True),
        Column("actor", "By", lambda row: row.command.actor, sort="actor"),
        Column("origin", "Started as", lambda row: row.command.origin, _origin, minor=True),
        Column(
            "started_at",
            "Started",
            lambda row: row.command.started_at,
            cells.moment,
            sort="started_at",
            descending=True,
        ),
        Column("seconds", "Took", lambda row: row.command.seconds, _took, end=True),
    ),
    filters=(
        Filter(
            "status",
            "State",
            fixed(
                "running",
                ("exited", "Ended by itself"),
                "killed",
                ("timed_out", "Timed out"),
                ("failed", "Did not start"),
                "lost",
            ),
        ),
        Filter(
            "origin",
            "Started as",
            fixed(("stream", "SDK stream"), ("http", "SDK call"), ("terminal", "Terminal")),
        ),
        Filter("actor", "By", choices.people),
    ),
    fetch=_fetch,
    walk=_walk,
    key=lambda row: row.command.id,
    label=lambda row: row.terminal or row.command.command[:60],
    href=lambda access, row: _address("command", access, row),
    actions=_actions,
    empty=Empty(
        "terminal-2",
        "No commands yet",
        "What an SDK, a terminal or the box above runs in this sandbox appears here, with its output.",
        lambda access: snippets.make_sandbox(access.team),
    ),
)
