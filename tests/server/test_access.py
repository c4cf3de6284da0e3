"""Every route and socket: which scope it needs, and that no other workspace's things can be told from nothing.

``ROUTES`` has an entry for each route of the application; one that is added without fails here.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from fastapi.routing import iter_route_contexts

from sandboxcore.server.auth import SCOPES
from sandboxcore.server.services import admin_keys, keys
from tests.server.asgi import Answer, first_answer
from tests.server.queries import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

API = "/v2/sandboxes"
ADMIN = "/v2/admin"
PUBLIC, ADMIN_KEY = "public", "admin"
MARK = "hidden"
"""In the name of everything that the other workspace has."""
NOTHING = "nothing-of-this-name"


@dataclass(frozen=True)
class Route:
    """What a route needs, and a request to it that is well formed."""

    needs: str
    """A scope, ``public`` or ``admin``."""
    body: Any = None
    query: str = ""
    files: Any = None
    endless: bool = False
    names: str = ""
    """Whose name or identifier stands in its path: a key of ``Things``."""
    unsupported: bool = False
    """It answers 501 to every key that may know."""


@dataclass(frozen=True)
class Things:
    """What the other workspace has: name and identifier of each."""

    box: tuple[str, str]
    ended: tuple[str, str]
    template: tuple[str, str]
    volume: tuple[str, str]
    pool: tuple[str, str]


TEMPLATE = {"name": "made-here", "image": "host"}
FILE = {"file": ("a", b"a")}
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/healthz"): Route(PUBLIC),
    ("GET", "/docs"): Route(PUBLIC),
    ("GET", "/openapi.json"): Route(PUBLIC),
    ("MOUNT", "/docs/assets"): Route(PUBLIC),
    ("GET", f"{API}/capabilities"): Route("read"),
    ("GET", f"{API}/limits"): Route("read"),
    ("GET", f"{API}/summary"): Route("read"),
    ("GET", f"{API}/usage"): Route("read", query="?by=creator"),
    ("GET", f"{API}/metrics"): Route("read"),
    ("GET", f"{API}/events"): Route("read"),
    ("GET", f"{API}/events/stream"): Route("read", query="?after=0", endless=True),
    ("GET", f"{API}/history"): Route("read"),
    ("GET", f"{API}/history/{{sandbox_id}}"): Route("read", names="ended"),
    ("GET", f"{API}/boxes"): Route("read"),
    ("POST", f"{API}/boxes"): Route("run", {"template_name": NOTHING}),
    ("GET", f"{API}/boxes/{{name}}"): Route("read", names="box"),
    ("GET", f"{API}/boxes/{{name}}/status"): Route("read", names="box"),
    ("GET", f"{API}/boxes/{{name}}/events"): Route("read", names="ended"),
    ("GET", f"{API}/boxes/{{name}}/metrics"): Route("read", names="ended"),
    ("GET", f"{API}/boxes/{{name}}/commands"): Route("read", names="ended"),
    ("GET", f"{API}/boxes/{{name}}/commands/{{command_id:words}}"): Route("read", names="box"),
    ("POST", f"{API}/boxes/{{name}}/commands/{{command_id:words}}/kill"): Route("run", names="box"),
    ("GET", f"{API}/boxes/{{name}}/timeline"): Route("read", names="ended"),
    ("PATCH", f"{API}/boxes/{{name}}"): Route("run", {"ttl_seconds": 60}, names="box"),
    ("DELETE", f"{API}/boxes/{{name}}"): Route("run", names="box"),
    ("POST", f"{API}/boxes/{{name}}/service-url"): Route("run", {"port": 80, "expires_in_seconds": 60}, names="box"),
    ("POST", f"{API}/boxes/{{sandbox_id}}/dataplane/execute"): Route("run", {"command": "true"}, names="box"),
    ("POST", f"{API}/boxes/{{sandbox_id}}/dataplane/upload"): Route("run", query="?path=a", files=FILE, names="box"),
    ("GET", f"{API}/boxes/{{sandbox_id}}/dataplane/download"): Route("run", query="?path=a", names="box"),
    ("GET", f"{API}/boxes/{{sandbox_id}}/dataplane/processes"): Route("run", names="box"),
    ("GET", f"{API}/boxes/{{sandbox_id}}/dataplane/ports"): Route("run", names="box"),
    ("WS", f"{API}/boxes/{{sandbox_id}}/dataplane/execute/ws"): Route("run", names="box"),
    ("WS", f"{API}/boxes/{{sandbox_id}}/dataplane/tunnel"): Route("run", names="box"),
    ("GET", f"{API}/templates"): Route("read"),
    ("POST", f"{API}/templates"): Route("manage", TEMPLATE),
    ("GET", f"{API}/templates/{{name}}"): Route("read", names="template"),
    ("PATCH", f"{API}/templates/{{name}}"): Route("manage", {"name": "renamed"}, names="template"),
    ("DELETE", f"{API}/templates/{{name}}"): Route("manage", names="template"),
    ("GET", f"{API}/volumes"): Route("read"),
    ("POST", f"{API}/volumes"): Route("manage", {"name": "made-here", "size": "16Mi"}),
    ("GET", f"{API}/volumes/{{name}}"): Route("read", names="volume"),
    ("PATCH", f"{API}/volumes/{{name}}"): Route("manage", {"size": "1Gi"}, names="volume"),
    ("DELETE", f"{API}/volumes/{{name}}"): Route("manage", names="volume"),
    ("GET", f"{API}/pools"): Route("read"),
    ("POST", f"{API}/pools"): Route("manage", {"name": "p", "template_name": NOTHING, "replicas": 1}),
    ("GET", f"{API}/pools/{{name}}"): Route("read", names="pool"),
    ("GET", f"{API}/pools/{{name}}/claims"): Route("read", names="pool"),
    ("PATCH", f"{API}/pools/{{name}}"): Route("manage", {"replicas": 2}, names="pool"),
    ("DELETE", f"{API}/pools/{{name}}"): Route("manage", names="pool"),
    ("GET", f"{API}/snapshots"): Route("read", unsupported=True),
    ("POST", f"{API}/snapshots"): Route("read", unsupported=True),
    ("GET", f"{API}/snapshots/{{snapshot_id}}"): Route("read", names="box", unsupported=True),
    ("DELETE", f"{API}/snapshots/{{snapshot_id}}"): Route("read", names="box", unsupported=True),
    ("POST", f"{API}/boxes/{{name}}/snapshot"): Route("read", names="box", unsupported=True),
    ("POST", f"{API}/boxes/{{name}}/stop"): Route("read", names="box", unsupported=True),
    ("POST", f"{API}/boxes/{{name}}/start"): Route("read", names="box", unsupported=True),
    ("GET", f"{ADMIN}/workspaces"): Route(ADMIN_KEY),
    ("POST", f"{ADMIN}/workspaces"): Route(ADMIN_KEY, {"name": "made-here"}),
    ("GET", f"{ADMIN}/workspaces/{{workspace}}"): Route(ADMIN_KEY),
    ("PATCH", f"{ADMIN}/workspaces/{{workspace}}"): Route(ADMIN_KEY, {"name": "renamed"}),
    ("DELETE", f"{ADMIN}/workspaces/{{workspace}}"): Route(ADMIN_KEY),
    ("GET", f"{ADMIN}/workspaces/{{workspace}}/keys"): Route(ADMIN_KEY),
    ("POST", f"{ADMIN}/workspaces/{{workspace}}/keys"): Route(ADMIN_KEY, {"name": "k"}),
    ("GET", f"{ADMIN}/workspaces/{{workspace}}/keys/{{key}}"): Route(ADMIN_KEY),
    ("PATCH", f"{ADMIN}/workspaces/{{workspace}}/keys/{{key}}"): Route(ADMIN_KEY, {"name": "k"}),
    ("DELETE", f"{ADMIN}/workspaces/{{workspace}}/keys/{{key}}"): Route(ADMIN_KEY),
    ("POST", f"{ADMIN}/workspaces/{{workspace}}/keys/{{key}}/rotate"): Route(ADMIN_KEY, {}),
    ("GET", f"{ADMIN}/workspaces/{{workspace}}/limits"): Route(ADMIN_KEY),
    ("PATCH", f"{ADMIN}/workspaces/{{workspace}}/limits"): Route(ADMIN_KEY, {"max_pools": 1}),
    ("GET", f"{ADMIN}/workspaces/{{workspace}}/usage"): Route(ADMIN_KEY),
    ("GET", f"{ADMIN}/admin-keys"): Route(ADMIN_KEY),
    ("POST", f"{ADMIN}/admin-keys"): Route(ADMIN_KEY, {"name": "k"}),
    ("DELETE", f"{ADMIN}/admin-keys/{{key}}"): Route(ADMIN_KEY),
    ("GET", f"{ADMIN}/overview"): Route(ADMIN_KEY),
    ("GET", f"{ADMIN}/reconciliation"): Route(ADMIN_KEY),
    ("POST", f"{ADMIN}/reconciliation"): Route(ADMIN_KEY),
}
OF_WORKSPACES = {at: route for at, route in ROUTES.items() if route.needs in SCOPES}
OF_ADMINS = {at: route for at, route in ROUTES.items() if route.needs == ADMIN_KEY}
NAMING = {at: route for at, route in OF_WORKSPACES.items() if route.names}
LISTING = {
    at: route for at, route in OF_WORKSPACES.items() if at[0] == "GET" and not route.names and not route.unsupported
}


class World:
    """The application, a workspace whose keys the test has, and another one with something of everything."""

    def __init__(self, server: Inside, things: Things) -> None:
        self.server = server
        self.things = things

    async def key(self, *scopes: Any) -> str:
        made = await keys.create_key(
            self.server.core.database, workspace="mine", name="k", actor="test", scopes=scopes or SCOPES
        )
        return made.text

    async def admin_key(self) -> str:
        return (await admin_keys.create_admin_key(self.server.core.database, actor="test", name="k")).new.text

    async def ask(self, at: tuple[str, str], route: Route, key: str | None, name: str = NOTHING) -> Answer:
        """Send the route's request, with ``name`` for what its path names."""
        method, pattern = at
        path = re.sub(r"\{\w+\}", name, pattern) + route.query
        if method == "WS" or route.endless:
            return await first_answer(self.server.app, path, key=key, websocket=method == "WS")
        body = {"files": route.files} if route.files else {"json": route.body} if route.body is not None else {}
        self.server.client.headers.pop("X-Api-Key", None)
        headers = {"X-Api-Key": key} if key else {}
        answer = await self.server.client.request(method, f"http://test{path}", headers=headers, **body)
        return Answer(answer.status_code, answer.content)


@pytest_asyncio.fixture
async def world(inside: Callable[..., Awaitable[Inside]]) -> World:
    server = await inside()

    async def make(path: str, **body: Any) -> tuple[str, str]:
        answer = await server.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["name"], answer.json()["id"]

    template = await make("/templates", name=f"{MARK}-template", image="host")
    volume = await make("/volumes", name=f"{MARK}-volume", size="16Mi")
    box = await make("/boxes", name=f"{MARK}-box", template_name=template[0])
    ended = await make("/boxes", name=f"{MARK}-ended", template_name=template[0])
    assert (await server.client.delete(f"/boxes/{ended[0]}")).status_code == 204
    pool = await make("/pools", name=f"{MARK}-pool", template_name=template[0], replicas=1)
    return World(server, Things(box, ended, template, volume, pool))


async def test_every_route_is_in_the_table_and_no_other(world: World) -> None:
    found = set()
    for context in iter_route_contexts(world.server.app.routes):
        kind = type(context.original_route).__name__
        methods = context.methods or {"MOUNT" if kind == "Mount" else "WS"}
        found |= {(method, context.path) for method in methods - {"HEAD"}}
    assert found == set(ROUTES)


async def test_every_route_that_names_something_says_what(world: World) -> None:
    assert {at for at in OF_WORKSPACES if "{" in at[1]} == set(NAMING)
    assert all(hasattr(world.things, route.names) for route in NAMING.values())


async def test_only_what_is_public_works_without_a_key(world: World) -> None:
    for at, route in ROUTES.items():
        if at[0] == "MOUNT":
            continue
        answer = await world.ask(at, route, None)
        assert (answer.status == 401) == (route.needs != PUBLIC), (at, answer)


async def test_each_needs_its_scope_and_no_other(world: World) -> None:
    of_scope = {scope: await world.key(scope) for scope in SCOPES}
    for at, route in OF_WORKSPACES.items():
        for scope, key in of_scope.items():
            answer = await world.ask(at, route, key)
            if scope == route.needs:
                assert answer.status not in (401, 403, 500), (at, scope, answer)
            else:
                assert answer.status == 403, (at, scope, answer)
                assert f"lacks the scope '{route.needs}'" in answer.text


async def test_a_workspaces_key_is_refused_by_the_admin_api(world: World) -> None:
    key = await world.key()
    for at, route in OF_ADMINS.items():
        answer = await world.ask(at, route, key)
        assert answer.status == 401, (at, answer)
        assert "the admin API has keys of its own" in answer.text


async def test_an_admin_key_is_refused_by_the_workspaces_api(world: World) -> None:
    key = await world.admin_key()
    for at, route in OF_WORKSPACES.items():
        answer = await world.ask(at, route, key)
        assert answer.status == 401, (at, answer)
        assert "it works below /v2/admin alone" in answer.text
    for at, route in OF_ADMINS.items():
        answer = await world.ask(at, route, key)
        assert answer.status not in (401, 403, 500), (at, answer)


async def test_another_workspaces_things_are_answered_as_if_there_were_none(world: World) -> None:
    """The same status, the same words and the same questions to the database."""
    key = await world.key()
    for at, route in NAMING.items():
        name, identifier = getattr(world.things, route.names)
        for theirs, nothing in ((name, NOTHING), (identifier, str(uuid.uuid4()))):
            with statements() as asked_for_theirs:
                answer = await world.ask(at, route, key, theirs)
            with statements() as asked_for_nothing:
                control = await world.ask(at, route, key, nothing)
            assert answer.status == control.status == (501 if route.unsupported else 404), (at, answer, control)
            assert answer.text.replace(theirs, nothing) == control.text, at
            assert apart_from_keys(asked_for_theirs) == apart_from_keys(asked_for_nothing), at
            assert route.unsupported or apart_from_keys(asked_for_nothing), at


async def test_another_workspaces_things_cannot_be_named_in_a_body(world: World) -> None:
    key = await world.key()
    for name, nothing in ((world.things.template[0], NOTHING), (world.things.template[1], str(uuid.uuid4()))):
        for path, body in (("boxes", {}), ("pools", {"name": "p", "replicas": 1})):
            texts = []
            for template in (name, nothing):
                route = Route("", {**body, "template_name": template})
                answer = await world.ask(("POST", f"{API}/{path}"), route, key)
                assert answer.status in (400, 404), answer
                texts.append(answer.text.replace(template, "X"))
            assert texts[0] == texts[1]
    mounts = [{"volume_name": world.things.volume[0], "mount_path": "/data"}]
    answer = await world.ask(("POST", f"{API}/templates"), Route("", {**TEMPLATE, "volume_mounts": mounts}), key)
    assert answer.status == 422, answer
    assert "there is no volume" in answer.text


async def test_names_that_another_workspace_has_are_free(world: World) -> None:
    key = await world.key()
    things = world.things
    for path, body in (
        ("templates", {"name": things.template[0], "image": "host"}),
        ("volumes", {"name": things.volume[0], "size": "16Mi"}),
        ("boxes", {"name": things.box[0], "template_name": things.template[0]}),
        ("pools", {"name": things.pool[0], "template_name": things.template[0], "replicas": 1}),
    ):
        answer = await world.ask(("POST", f"{API}/{path}"), Route("", body), key)
        assert answer.status == 201, (path, answer)


async def test_no_list_shows_or_counts_another_workspaces_things(world: World) -> None:
    key = await world.key("read")
    ids = [identifier for _, identifier in vars(world.things).values()]
    for at, route in LISTING.items():
        answer = await world.ask(at, route, key)
        assert answer.status == 200, (at, answer)
        assert MARK not in answer.text, at
        assert not [identifier for identifier in ids if identifier in answer.text], at
        for words in ("?limit=10", f"?q={MARK}&limit=10"):
            part = await world.ask(at, Route("read", query=words, endless=route.endless), key)
            assert MARK not in part.text.replace(words, ""), at
            assert '"total":0' in part.text or '"total"' not in part.text, (at, part)


async def test_nothing_of_theirs_was_changed_by_all_that(world: World) -> None:
    """Every request of the table with a key that may do anything, at their names and identifiers."""
    key = await world.key()
    for at, route in NAMING.items():
        for name in getattr(world.things, route.names):
            await world.ask(at, route, key, name)
    theirs = await keys.create_key(world.server.core.database, workspace="default", name="look", actor="test")
    for path, kind in (("boxes", "box"), ("templates", "template"), ("volumes", "volume"), ("pools", "pool")):
        name, identifier = getattr(world.things, kind)
        answer = await world.ask(("GET", f"{API}/{path}/{{name}}"), Route("read"), theirs.text, identifier)
        assert answer.status == 200, (path, answer)
        assert f'"name":"{name}"' in answer.text
    assert (await world.ask(("GET", f"{API}/usage"), Route("read"), key)).text.count('"group"') == 0


def apart_from_keys(statements: list[str]) -> list[str]:
    """Without the question who the key is, which is asked now and then, whatever is asked for."""
    return [statement for statement in statements if "api_keys.secret_sha256" not in statement]
