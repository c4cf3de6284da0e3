"""The console's way to the sandbox server: one client of the public SDK per server, key and person."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import quote
from weakref import WeakKeyDictionary

from sandboxcore import AsyncSandboxClient

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from dashboard.teams.models import Team

MAX_CLIENTS = 64
TIMEOUT = 10.0
"""Seconds that a page waits for the server at most."""
ACTOR_HEADER = "X-Sandbox-Actor"
"""Tells the server which person of the console acts, for ``created_by``; percent-encoded where it is not ASCII."""

Key = tuple[str, str, str]
# A client's connections belong to the loop that opened them.
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, OrderedDict[Key, AsyncSandboxClient]] = WeakKeyDictionary()
_retiring: set[asyncio.Task[None]] = set()


def client_for(team: Team, actor: User) -> AsyncSandboxClient:
    """The client that acts for ``actor`` in the team's workspace. Call it on the event loop; do not close it.

    Clients are kept, with their connections, for the last ``MAX_CLIENTS`` pairs of team and person.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), OrderedDict())
    name = actor.get_username()
    key = (team.api_endpoint, team.api_key, name)
    client = clients.get(key)
    if client is None:
        client = clients[key] = make_client(team, name)
    clients.move_to_end(key)
    while len(clients) > MAX_CLIENTS:
        _retire(clients.popitem(last=False)[1])
    return client


def make_client(team: Team, actor_name: str) -> AsyncSandboxClient:
    """A new client of the team's server, to be closed by the caller: for what lives long, a terminal's socket say."""
    return AsyncSandboxClient(
        api_endpoint=team.api_endpoint,
        api_key=team.api_key,
        timeout=TIMEOUT,
        max_retries=1,
        headers={ACTOR_HEADER: quote(actor_name, safe=" @+")},
    )


def _retire(client: AsyncSandboxClient) -> None:
    """Close a client that fell out of the cache, once the requests that may still use it had their time."""

    async def close() -> None:
        await asyncio.sleep(2 * TIMEOUT)
        await client.aclose()

    task = asyncio.create_task(close())
    _retiring.add(task)
    task.add_done_callback(_retiring.discard)


async def close_clients() -> None:
    """Close every client of this event loop. Called when the server that runs the console stops."""
    clients = _clients.pop(asyncio.get_running_loop(), OrderedDict())
    for client in clients.values():
        await client.aclose()
