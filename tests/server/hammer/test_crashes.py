"""A server that is killed before or after any commit and any change by the runtime leaves nothing half made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.server.hammer.folder import FolderSandboxd
from tests.server.running import POSTGRES_URL, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATABASES = ["sqlite", *(["postgresql"] if POSTGRES_URL else [])]
MOST_STEPS = 40
"""More than any scenario has."""


@dataclass
class Scenario:
    """``prepare`` runs in peace, ``act`` until the server dies; ``retry`` is what a client does then."""

    name: str
    prepare: Callable[[httpx.Client], object]
    act: Callable[[httpx.Client], httpx.Response]
    check: Callable[[httpx.Client], None]
    least_steps: int


def _ok(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code < 300, answer.text
    return answer


def _template(client: httpx.Client, **more: object) -> httpx.Response:
    return _ok(client.post("/templates", json={"name": "t", "image": "ok", **more}))


def _volume(client: httpx.Client) -> httpx.Response:
    return _ok(client.post("/volumes", json={"name": "v", "size": "64Mi"}))


def _box(client: httpx.Client) -> httpx.Response:
    return client.post("/boxes", json={"template_name": "t", "name": "b"}, headers={"Idempotency-Key": "one"})


def _unnamed(client: httpx.Client) -> httpx.Response:
    return client.post("/boxes", json={"template_name": "t"})


def _pool(client: httpx.Client) -> httpx.Response:
    return client.post("/pools", json={"name": "p", "template_name": "t", "replicas": 2})


def _boxes(client: httpx.Client) -> list[str]:
    return [box["name"] for box in _ok(client.get("/boxes")).json()["sandboxes"]]


def _one_box(client: httpx.Client) -> None:
    assert _ok(_box(client)).status_code == 201
    assert _boxes(client) == ["b"]


def _no_half_made(client: httpx.Client) -> None:
    """Nobody learned the name of one that was not ready; one that was may have been answered for."""
    boxes = _ok(client.get("/boxes")).json()["sandboxes"]
    assert [box["status"] for box in boxes] in ([], ["ready"])


def _box_gone(client: httpx.Client) -> None:
    assert client.delete("/boxes/b").status_code in (204, 404)
    assert _boxes(client) == []


def _full_pool(client: httpx.Client) -> None:
    assert _pool(client).status_code in (201, 409)
    until(lambda: _ok(client.get("/pools/p")).json()["ready_replicas"] == 2, what="the pool to be full")


def _pool_gone(client: httpx.Client) -> None:
    assert client.delete("/pools/p").status_code in (204, 404)
    assert _ok(client.get("/pools")).json()["pools"] == []


def _volume_there(client: httpx.Client) -> None:
    assert client.post("/volumes", json={"name": "v", "size": "64Mi"}).status_code in (201, 409)
    assert _ok(client.get("/volumes/v")).json()["status"] == "ready"


def _volume_grown(client: httpx.Client) -> None:
    assert _ok(client.patch("/volumes/v", json={"size": "128Mi"})).json()["size"] == "128Mi"


def _volume_gone(client: httpx.Client) -> None:
    assert client.delete("/volumes/v").status_code in (204, 404)
    assert _ok(client.get("/volumes")).json()["volumes"] == []


SCENARIOS = [
    Scenario("create", _template, _box, _one_box, 4),
    Scenario("create unnamed", _template, _unnamed, _no_half_made, 4),
    Scenario(
        "create with a volume",
        lambda client: (
            _volume(client),
            _template(client, volume_mounts=[{"volume_name": "v", "mount_path": "/data"}]),
        ),
        _box,
        _one_box,
        4,
    ),
    Scenario("delete", lambda client: (_template(client), _box(client)), lambda c: c.delete("/boxes/b"), _box_gone, 4),
    Scenario("fill a pool", _template, _pool, _full_pool, 8),
    Scenario("claim", lambda client: (_template(client), _ok(_pool(client))), _box, _one_box, 2),
    Scenario(
        "delete a pool",
        lambda client: (_template(client), _ok(_pool(client))),
        lambda c: c.delete("/pools/p"),
        _pool_gone,
        6,
    ),
    Scenario(
        "make a volume",
        lambda _client: None,
        lambda c: c.post("/volumes", json={"name": "v", "size": "64Mi"}),
        _volume_there,
        4,
    ),
    Scenario("grow a volume", _volume, lambda c: c.patch("/volumes/v", json={"size": "128Mi"}), _volume_grown, 4),
    Scenario("delete a volume", _volume, lambda c: c.delete("/volumes/v"), _volume_gone, 4),
]


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest) -> Iterator[FolderSandboxd]:
    server = FolderSandboxd(postgres=request.param == "postgresql", reap_interval=3600)
    yield server
    server.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_server_killed_at_any_step_leaves_nothing_half_made(server: FolderSandboxd, scenario: Scenario) -> None:
    _start(server, die_at=1)
    step = 1
    while _dies_at(server, scenario):
        step += 1
        assert step < MOST_STEPS, "the scenario has no end"
        _start(server, die_at=step)
        _check(server, scenario)
    _check(server, scenario)
    server.stop()
    assert step > scenario.least_steps, "the server was not asked to do what the scenario says"


def _start(server: FolderSandboxd, *, die_at: int) -> None:
    server.environment["DIE_AT_STEP"] = str(die_at)
    server.start()


def _dies_at(server: FolderSandboxd, scenario: Scenario) -> bool:
    """Whether the server comes to the step at which it kills itself, in what the scenario does or behind its answer."""
    with _client(server) as client:
        scenario.prepare(client)
        server.settle()
        server.arm()
        if not _act(scenario, client):
            server.wait_for_death()
            return True
    server.settle()
    return server.died() or not server.disarm()


def _check(server: FolderSandboxd, scenario: Scenario) -> None:
    with _client(server) as client:
        server.settle()
        scenario.check(client)
        _remove_everything(client)
        server.settle()
        assert not server.died()


def _act(scenario: Scenario, client: httpx.Client) -> bool:
    try:
        scenario.act(client)
    except httpx.TransportError:
        return False
    return True


def _client(server: FolderSandboxd) -> httpx.Client:
    return httpx.Client(base_url=f"{server.origin}/v2/sandboxes", headers={"X-Api-Key": server.key}, timeout=60)


def _remove_everything(client: httpx.Client) -> None:
    for path in ("boxes", "pools", "templates", "volumes"):
        answer = _ok(client.get(f"/{path}")).json()
        for thing in next(iter(answer.values())):
            _ok(client.delete(f"/{path}/{thing['name']}"))
