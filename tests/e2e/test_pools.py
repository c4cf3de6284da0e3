"""Pools on the real kernel: a warm sandbox works, and one that was killed behind everybody's back harms nobody."""

from __future__ import annotations

import json
import os
import select
import signal
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.kernel]


class Pool:
    """A template with a full pool of two, by the plain API."""

    def __init__(self, stack: Stack) -> None:
        self.name = f"pool-{uuid4().hex[:8]}"
        self._records = stack.run_dir / "records"
        self.api = httpx.Client(base_url=stack.api_endpoint, headers={"X-Api-Key": stack.api_key}, timeout=60)
        self.api.post("/templates", json={"name": self.name, "image": "host"}).raise_for_status()
        body = {"name": self.name, "template_name": self.name, "replicas": 2}
        self.before = self.known()
        self.api.post("/pools", json=body).raise_for_status()

    def close(self) -> None:
        self.api.delete(f"/pools/{self.name}").raise_for_status()
        self.api.close()

    def known(self) -> set[str]:
        """Every sandbox that the host has."""
        return {path.stem for path in self._records.glob("*.json")}

    def kill_shim(self, sandbox_id: str) -> None:
        """End it, and wait until the kernel has closed its socket: until then it still looks alive."""
        pid = json.loads((self._records / f"{sandbox_id}.json").read_text())["shim"]["pid"]
        with os.fdopen(os.pidfd_open(pid)) as process:
            os.kill(pid, signal.SIGKILL)
            ended, _, _ = select.select([process], [], [], 20)
        assert ended, f"shim {pid} did not end"

    def look(self) -> dict[str, object]:
        found: dict[str, object] = self.api.get(f"/pools/{self.name}").json()
        return found

    def create(self) -> dict[str, str]:
        made = self.api.post("/boxes", json={"template_name": self.name})
        assert made.status_code == 201, made.text
        found: dict[str, str] = made.json()
        return found

    def use(self, box: dict[str, str]) -> None:
        """Run a command in it, and remove it."""
        ran = self.api.post(f"{box['dataplane_url']}/execute", json={"command": "echo $((6 * 7))"})
        assert ran.json() == {"stdout": "42\n", "stderr": "", "exit_code": 0}
        assert self.api.delete(f"/boxes/{box['id']}").status_code == 204


@pytest.fixture
def pool(stack: Stack) -> Iterator[Pool]:
    found = Pool(stack)
    yield found
    found.close()


def test_it_works(pool: Pool) -> None:
    box = pool.create()
    assert box["pool_name"] == pool.name
    pool.use(box)
    until(lambda: pool.look()["status"] == "ready", what="the refill")


def test_killed_ones_are_passed_over_and_replaced(pool: Pool) -> None:
    warm = pool.known() - pool.before
    for sandbox_id in warm:
        pool.kill_shim(sandbox_id)
    box = pool.create()
    assert box["id"] not in warm
    pool.use(box)
    until(lambda: pool.look()["status"] == "ready", what="a pool of living ones")
    assert not warm & pool.known()
    pool.use(pool.create())


def test_one_that_was_killed_is_noticed_without_a_claim(pool: Pool) -> None:
    [killed, _] = sorted(pool.known() - pool.before)
    pool.kill_shim(killed)
    until(lambda: killed not in pool.known() and pool.look()["status"] == "ready", what="its replacement")
