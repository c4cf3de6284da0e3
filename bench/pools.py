"""What a pool gains: warm and cold creates to the first output of a command, one at a time and in a burst."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx

from bench.figures import Series

if TYPE_CHECKING:
    from tests.stack import Stack

COLD = "bench-cold"
WARM = "bench-warm"
POOL = "bench"
BURST = 20
REPLICAS = 10
SETTLE_SECONDS = 0.15
"""After the pool is full again: its last start's own last steps."""


class Api:
    """The plain HTTP API, on one connection a thread, as a service that uses sandboxes would have it."""

    def __init__(self, stack: Stack) -> None:
        self._base = stack.api_endpoint
        self._headers = {"X-Api-Key": stack.api_key}
        self._clients = threading.local()

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer, which must be a success."""
        client: httpx.Client | None = getattr(self._clients, "client", None)
        if client is None:
            client = self._clients.client = httpx.Client(headers=self._headers, timeout=60)
        answer = client.request(method, path if path.startswith("http") else self._base + path, json=body)
        assert answer.is_success, answer.text
        return answer

    def prepare(self) -> None:
        """Two templates that differ in nothing but that one has a pool, which is full."""
        for name in (COLD, WARM):
            resources = {"cpu": "2", "memory": "1Gi"}
            self.call("POST", "/templates", {"name": name, "image": "host", "resources": resources})
        self.call("POST", "/pools", {"name": POOL, "template_name": WARM, "replicas": REPLICAS})

    def use(self, template: str, first: Series, claim: Series | None = None) -> dict[str, object]:
        """Make a sandbox and run ``true`` in it; the time of both, and of the first alone."""
        with first.measure():
            began = time.perf_counter()
            box: dict[str, object] = self.call("POST", "/boxes", {"template_name": template}).json()
            if claim is not None:
                claim.values.append(time.perf_counter() - began)
            ran = self.call("POST", f"{box['dataplane_url']}/execute", {"command": "true"})
        assert ran.json()["exit_code"] == 0
        return box

    def drop(self, box: dict[str, object]) -> None:
        """Remove it."""
        self.call("DELETE", f"/boxes/{box['id']}")

    def settle(self) -> None:
        """Wait until the pool is full and its machine quiet."""
        deadline = time.monotonic() + 30
        while self.call("GET", f"/pools/{POOL}").json()["status"] != "ready":
            assert time.monotonic() < deadline, "the pool does not fill"
            time.sleep(0.02)
        time.sleep(SETTLE_SECONDS)


def measure(stack: Stack, floor: Series) -> list[str]:
    """The rows of all that this module measures, and how warm compares with cold."""
    api = Api(stack)
    api.prepare()
    alone = warm_and_cold(api)
    rows = [series.row(floor) for series in (*alone, *burst(api))]
    warm, cold = alone[2].median, alone[3].median
    told = api.call("GET", f"/pools/{POOL}").json()["stats"]
    api.call("DELETE", f"/pools/{POOL}")
    return [*rows, f"warm is {cold / warm:.1f} times as fast as cold; the pool's own statistics: {told}"]


def warm_and_cold(api: Api, count: int = 60) -> tuple[Series, Series, Series, Series]:
    """One create at a time, warm and cold in turn: both creates alone, then both to the end of a first command."""
    claim, cold_create = Series("create a sandbox, warm (claim)"), Series("create a sandbox, cold")
    warm, cold = Series('create -> end of "true", warm'), Series('create -> end of "true", cold')
    api.drop(api.use(WARM, Series("first")))
    for _ in range(count):
        for template, first, alone in ((WARM, warm, claim), (COLD, cold, cold_create)):
            api.settle()
            box = api.use(template, first, alone)
            assert (box["pool_name"] == POOL) == (template == WARM)
            time.sleep(SETTLE_SECONDS)
            api.drop(box)
    return claim, cold_create, warm, cold


def burst(api: Api, rounds: int = 3) -> tuple[Series, Series, Series]:
    """``BURST`` creates at once on a pool of ``REPLICAS``: hits, misses, and the same burst without a pool."""
    name = f"burst of {BURST} on a pool of {REPLICAS}"
    hits, misses = Series(f"{name}: hits"), Series(f"{name}: misses")
    cold = Series(f"burst of {BURST} without a pool")
    with ThreadPoolExecutor(BURST) as threads:
        for _ in range(rounds):
            for template in (WARM, COLD):
                api.settle()
                for box, seconds in threads.map(lambda _: _timed(api, template), range(BURST)):  # noqa: B023  # used at once
                    of = cold if template == COLD else hits if box["pool_name"] else misses
                    of.values.append(seconds)
                    api.drop(box)
    return hits, misses, cold


def _timed(api: Api, template: str) -> tuple[dict[str, object], float]:
    series = Series("one")
    return api.use(template, series), series.values[0]
