"""Two servers on one database, loaded at random, one of them killed in the middle."""

from __future__ import annotations

import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.server.hammer.pair import Pair
from tests.server.hammer.runtime import SLOW
from tests.server.running import POSTGRES_URL, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.hammer.folder import FolderSandboxd

pytestmark = pytest.mark.skipif(
    not POSTGRES_URL, reason="two processes share a PostgreSQL; SANDBOXD_TEST_POSTGRES_URL names none"
)
SECONDS = 6.0
THREADS = 8
LEAST_CALLS = 100
LIMITS = {"max_sandboxes": 14, "max_volumes": 4, "max_storage_bytes": 20 << 30}
FINE = {200, 201, 204, 400, 404, 408, 409, 422, 429, 503, 504}
"""Answers that a call may have while others do what they like: anything but a failure of the server's own."""


@pytest.fixture
def pair() -> Iterator[Pair]:
    with Pair(pool_health_interval=1, reap_interval=0.1) as pair:
        pair.one.limit(**LIMITS)
        yield pair


def client(server: FolderSandboxd) -> httpx.Client:
    return httpx.Client(base_url=f"{server.origin}/v2/sandboxes", headers={"X-Api-Key": server.key}, timeout=30)


class Load:
    """Calls at random, to both servers, on a few names that everybody shares."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self._clients = [client(pair.one), client(pair.two)]
        self._seed = seed
        self.until = time.monotonic() + SECONDS
        self.dead = threading.Event()
        """Whether the second server may be gone."""
        self.statuses: list[int] = []

    def run(self) -> None:
        """Load both until the time is over; on a busy machine until enough has been asked."""
        with ThreadPoolExecutor(THREADS) as threads:
            done = [threads.submit(self._call_on, number) for number in range(THREADS)]
        for each in self._clients:
            each.close()
        for calls in done:
            calls.result()

    def _call_on(self, number: int) -> None:
        chance = random.Random(self._seed * 100 + number)  # noqa: S311  # a seed that is known
        while time.monotonic() < self.until or len(self.statuses) < LEAST_CALLS:
            which = chance.randrange(2)
            method, path, body = self._some_call(chance)
            try:
                answer = self._clients[which].request(method, path, json=body)
            except httpx.TransportError:
                assert which == 1, "the server that nobody killed did not answer"
                assert self.dead.is_set(), "a server that lives did not answer"
                continue
            assert answer.status_code in FINE, (method, path, body, answer.status_code, answer.text)
            self.statuses.append(answer.status_code)

    @staticmethod
    def _some_call(chance: random.Random) -> tuple[str, str, dict[str, object] | None]:
        box, volume = f"b{chance.randrange(6)}", f"v{chance.randrange(3)}"
        template = chance.choice(["plain", "plain", "slow", "mounting"])
        lives = {"ttl_seconds": chance.choice([0, 1, 60])}
        calls: list[tuple[str, str, dict[str, object] | None]] = [
            ("POST", "/boxes", {"template_name": template, "name": box, **lives}),
            ("POST", "/boxes", {"template_name": template, "name": box, "wait_for_ready": False}),
            ("POST", "/boxes", {"template_name": "plain", **lives}),
            ("DELETE", f"/boxes/{box}", None),
            ("DELETE", f"/boxes/{box}", None),
            ("PATCH", f"/boxes/{box}", {"name": f"b{chance.randrange(6)}"}),
            ("PATCH", "/pools/p", {"replicas": chance.randrange(4)}),
            ("POST", "/volumes", {"name": volume, "size": "16Mi"}),
            ("POST", "/volumes", {"name": volume, "size": "16Mi", "wait_for_ready": False}),
            ("PATCH", f"/volumes/{volume}", {"size": f"{16 * chance.randrange(1, 9)}Mi"}),
            ("DELETE", f"/volumes/{volume}", None),
            ("GET", "/boxes", None),
            ("GET", "/limits", None),
        ]
        return chance.choice(calls)


def prepare(server: FolderSandboxd) -> None:
    with client(server) as api:
        for path, body in (
            ("volumes", {"name": "shared", "size": "16Mi"}),
            ("templates", {"name": "plain", "image": "ok"}),
            ("templates", {"name": "slow", "image": SLOW}),
            (
                "templates",
                {
                    "name": "mounting",
                    "image": "ok",
                    "volume_mounts": [{"volume_name": "shared", "mount_path": "/data"}],
                },
            ),
            ("pools", {"name": "p", "template_name": "plain", "replicas": 2}),
        ):
            answer = api.post(f"/{path}", json=body)
            assert answer.status_code == 201, answer.text


@pytest.mark.timeout(180)
@pytest.mark.parametrize("killed", [False, True], ids=["both live", "one is killed"])
def test_whatever_both_are_asked_each_thing_happens_once(pair: Pair, killed: bool) -> None:
    prepare(pair.one)
    load = Load(pair, seed=7 + killed)
    if killed:
        killer = threading.Timer(SECONDS / 2, kill_second, (pair, load))
        killer.start()
    load.run()
    if killed:
        killer.join()
    assert {200, 201, 204} <= set(load.statuses)
    pair.one.settle()
    assert pair.told_wrongly() == []
    check_limits(pair.one)
    remove_everything(pair.one)
    pair.one.settle()
    assert pair.told_wrongly() == []
    nothing_differs(pair.one)


def kill_second(pair: Pair, load: Load) -> None:
    load.dead.set()
    pair.two.stop(signal.SIGKILL)


def check_limits(server: FolderSandboxd) -> None:
    with client(server) as api:
        held = api.get("/limits").json()
    for limit, most in LIMITS.items():
        assert held[limit.removeprefix("max_")]["held"] <= most, limit


def remove_everything(server: FolderSandboxd) -> None:
    """Every name is free then; what failed is removed too."""
    with client(server) as api:
        for path in ("boxes", "pools", "templates", "volumes"):
            for thing in next(iter(api.get(f"/{path}").json().values())):
                assert api.delete(f"/{path}/{thing['name']}").status_code in (204, 404)


def nothing_differs(server: FolderSandboxd) -> None:
    """The dry run says so too."""
    with httpx.Client(headers={"X-Api-Key": server.admin_key}) as api:

        def differences() -> object:
            answer = api.get(f"{server.origin}/v2/admin/reconciliation")
            assert answer.status_code == 200, answer.text
            return answer.json()["differences"]

        until(lambda: differences() == [], what="nothing to differ")
