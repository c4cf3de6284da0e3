"""Any sequence of calls, and deaths of the server between them, leaves what a simple model says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandboxcore.server.quantity import parse_bytes
from tests.server.hammer.folder import FolderSandboxd
from tests.server.running import POSTGRES_URL, until

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASES = ["sqlite", *(["postgresql"] if POSTGRES_URL else [])]
NAMES = st.sampled_from(["a", "b", "c"])
BOX_NAMES = ("a", "b", "c", "d")
SIZES = st.sampled_from(["16Mi", "32Mi", "64Mi", "96Mi"])
STORAGE = 40 << 20
"""Writable disk of one sandbox."""
LIMITS = {"sandboxes": 3, "storage": 200 << 20, "volumes": 2, "pools": 2}


@dataclass
class Model:
    """What there should be, by name."""

    volumes: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str | None] = field(default_factory=dict)
    """With the volume that it mounts."""
    pools: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Template and replicas."""
    boxes: dict[str, str] = field(default_factory=dict)
    """With the template."""


class ControlPlane(RuleBasedStateMachine):
    """Calls the real server and a model of it alike."""

    server: ClassVar[FolderSandboxd]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.client = httpx.Client(
            base_url=f"{self.server.origin}/v2/sandboxes", headers={"X-Api-Key": self.server.key}, timeout=60
        )

    def teardown(self) -> None:
        for path in ("boxes", "pools", "templates", "volumes"):
            for name in self._names(path):
                assert self.client.delete(f"/{path}/{name}").status_code == 204
        self.server.settle()
        self.client.close()

    def _names(self, path: str) -> set[str]:
        answer = self.client.get(f"/{path}")
        assert answer.status_code == 200, answer.text
        return {thing["name"] for thing in next(iter(answer.json().values()))}

    def _expect(self, answer: httpx.Response, *refusals: tuple[bool, int]) -> bool:
        """Whether the call succeeded, which it must where no refusal holds; else it must be the first that does."""
        wanted = next((status for holds, status in refusals if holds), None)
        if wanted is None:
            assert answer.status_code < 300, answer.text
            return True
        assert answer.status_code == wanted, (wanted, answer.status_code, answer.text)
        return False

    def _storage(self) -> int:
        boxes = len(self.model.boxes) * STORAGE
        return boxes + self._warm() * STORAGE + sum(map(parse_bytes, self.model.volumes.values()))

    def _warm(self) -> int:
        return sum(replicas for _, replicas in self.model.pools.values())

    @initialize()
    def begin_with_a_template(self) -> None:
        self.create_template("a", None)

    @rule(name=NAMES, size=SIZES)
    def create_volume(self, name: str, size: str) -> None:
        model = self.model
        answer = self.client.post("/volumes", json={"name": name, "size": size})
        full = len(model.volumes) >= LIMITS["volumes"] or self._storage() + parse_bytes(size) > LIMITS["storage"]
        if self._expect(answer, (name in model.volumes, 409), (full, 429)):
            model.volumes[name] = size

    @rule(name=NAMES, size=SIZES)
    def grow_volume(self, name: str, size: str) -> None:
        model = self.model
        answer = self.client.patch(f"/volumes/{name}", json={"size": size})
        there = name in model.volumes
        more = parse_bytes(size) - parse_bytes(model.volumes[name]) if there else 0
        mounted = any(model.templates[template] == name for template in model.boxes.values())
        if self._expect(
            answer,
            (not there, 404),
            (more < 0, 400),
            (more > 0 and self._storage() + more > LIMITS["storage"], 429),
            (more > 0 and mounted, 400),
        ):
            model.volumes[name] = size if more else model.volumes[name]

    @rule(name=NAMES, new=NAMES)
    def rename_volume(self, name: str, new: str) -> None:
        model = self.model
        answer = self.client.patch(f"/volumes/{name}", json={"name": new})
        if self._expect(answer, (name not in model.volumes, 404), (new in model.volumes and new != name, 409)):
            model.volumes[new] = model.volumes.pop(name)
            model.templates = {key: new if volume == name else volume for key, volume in model.templates.items()}

    @rule(name=NAMES)
    def delete_volume(self, name: str) -> None:
        model = self.model
        answer = self.client.delete(f"/volumes/{name}")
        if self._expect(answer, (name not in model.volumes, 404), (name in model.templates.values(), 409)):
            del model.volumes[name]

    @rule(name=NAMES, volume=st.none() | NAMES)
    def create_template(self, name: str, volume: str | None) -> None:
        model = self.model
        mounts = [{"volume_name": volume, "mount_path": "/data"}] if volume else []
        body = {"name": name, "image": "ok", "resources": {"storage": str(STORAGE)}, "volume_mounts": mounts}
        answer = self.client.post("/templates", json=body)
        unknown = volume is not None and volume not in model.volumes
        if unknown and name in model.templates:
            assert answer.status_code in (409, 422)
        elif self._expect(answer, (unknown, 422), (name in model.templates, 409)):
            model.templates[name] = volume

    @rule(name=NAMES)
    def delete_template(self, name: str) -> None:
        model = self.model
        answer = self.client.delete(f"/templates/{name}")
        used = name in model.boxes.values() or any(name == template for template, _ in model.pools.values())
        if self._expect(answer, (name not in model.templates, 404), (used, 409)):
            del model.templates[name]

    @rule(name=NAMES, template=NAMES, replicas=st.integers(1, 3))
    def create_pool(self, name: str, template: str, replicas: int) -> None:
        model = self.model
        body = {"name": name, "template_name": template, "replicas": replicas, "timeout": 60}
        answer = self.client.post("/pools", json=body)
        bad = model.templates.get(template, "no such template") is not None
        if bad and name in model.pools:
            assert answer.status_code in (400, 409)
        elif self._expect(
            answer,
            (bad, 400),
            (name in model.pools, 409),
            (len(model.pools) >= LIMITS["pools"] or self._too_many(replicas), 429),
        ):
            model.pools[name] = (template, replicas)

    def _too_many(self, more: int) -> bool:
        sandboxes = len(self.model.boxes) + self._warm() + more
        return sandboxes > LIMITS["sandboxes"] or self._storage() + more * STORAGE > LIMITS["storage"]

    @rule(name=NAMES, replicas=st.integers(0, 3))
    def scale_pool(self, name: str, replicas: int) -> None:
        model = self.model
        answer = self.client.patch(f"/pools/{name}", json={"replicas": replicas})
        there = name in model.pools
        more = replicas - model.pools[name][1] if there else 0
        if self._expect(answer, (not there, 404), (more > 0 and self._too_many(more), 429)):
            model.pools[name] = (model.pools[name][0], replicas)
            self._full_pools()

    @rule(name=NAMES)
    def delete_pool(self, name: str) -> None:
        if self._expect(self.client.delete(f"/pools/{name}"), (name not in self.model.pools, 404)):
            del self.model.pools[name]

    @rule(name=st.sampled_from(BOX_NAMES), template=NAMES)
    def create_box(self, name: str, template: str) -> None:
        model = self.model
        answer = self.client.post("/boxes", json={"template_name": template, "name": name})
        warm = any(of == template and replicas for of, replicas in model.pools.values())
        full = self._too_many(1) and not warm
        if template in model.templates and name in model.boxes and full:
            assert answer.status_code in (409, 429)
        elif self._expect(
            answer,
            (template not in model.templates, 404),
            (name in model.boxes, 409),
            (full, 429),
        ):
            model.boxes[name] = template
            self._make_room()

    def _make_room(self) -> None:
        """A claimed sandbox may leave no room for its pool's refill: shrink pools until all fits again."""
        for name, (template, replicas) in self.model.pools.items():
            if self._too_many(0) and replicas:
                answer = self.client.patch(f"/pools/{name}", json={"replicas": replicas - 1})
                assert answer.status_code == 200, answer.text
                self.model.pools[name] = (template, replicas - 1)
        self._full_pools()

    @rule(template=NAMES)
    def fill_up(self, template: str) -> None:
        """One more than there may be: limits are where mistakes are."""
        for name in BOX_NAMES:
            self.create_box(name, template)

    @rule(name=NAMES, new=NAMES)
    def rename_box(self, name: str, new: str) -> None:
        model = self.model
        answer = self.client.patch(f"/boxes/{name}", json={"name": new})
        if self._expect(answer, (name not in model.boxes, 404), (new in model.boxes and new != name, 409)):
            model.boxes[new] = model.boxes.pop(name)

    @rule(name=NAMES)
    def delete_box(self, name: str) -> None:
        if self._expect(self.client.delete(f"/boxes/{name}"), (name not in self.model.boxes, 404)):
            del self.model.boxes[name]

    @precondition(lambda self: self.model.boxes or self.model.pools or self.model.volumes)
    @rule()
    def kill_the_server(self) -> None:
        self.server.kill_and_start()
        self._full_pools()

    def _full_pools(self) -> None:
        def ready(name: str, replicas: int) -> bool:
            return bool(self.client.get(f"/pools/{name}").json()["ready_replicas"] == replicas)

        for name, (_, replicas) in self.model.pools.items():
            until(lambda name=name, replicas=replicas: ready(name, replicas), what=f"pool {name} to be full")
        self.server.settle()

    @invariant()
    def lists_say_what_the_model_says(self) -> None:
        model = self.model
        for path, wanted in (
            ("boxes", model.boxes),
            ("pools", model.pools),
            ("templates", model.templates),
            ("volumes", model.volumes),
        ):
            assert self._names(path) == set(wanted), path
        sizes = {volume["name"]: volume["size"] for volume in self.client.get("/volumes").json()["volumes"]}
        assert sizes == model.volumes

    @invariant()
    def what_is_held_is_what_there_is(self) -> None:
        self.server.settle()
        held = self.client.get("/limits").json()
        assert held["sandboxes"]["held"] == len(self.model.boxes) + self._warm()
        assert held["storage_bytes"]["held"] == self._storage()
        assert held["volumes"]["held"] == len(self.model.volumes)
        assert held["pools"]["held"] == len(self.model.pools)


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest) -> Iterator[FolderSandboxd]:
    server = FolderSandboxd(postgres=request.param == "postgresql").start()
    server.limit(
        max_sandboxes=LIMITS["sandboxes"],
        max_storage_bytes=LIMITS["storage"],
        max_volumes=LIMITS["volumes"],
        max_pools=LIMITS["pools"],
    )
    yield server
    server.close()


@pytest.mark.timeout(900)
def test_any_sequence_of_calls_and_deaths_leaves_what_the_model_says(server: FolderSandboxd) -> None:
    ControlPlane.server = server
    run_state_machine_as_test(
        ControlPlane,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            # A shorter sequence would cost minutes; the one that failed is printed.
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
