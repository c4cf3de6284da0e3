"""The plan of a reconciliation: whatever another server does meanwhile, nothing wanted goes, nothing unwanted stays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxcore.runtimes.base import RuntimeSandbox, RuntimeVolume
from sandboxcore.server.services.differences import Difference, Found, Here, Rows, SandboxRow, VolumeRow, plan

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1000.0
HERE = Here(NOW, "me", alone=False)
NOTHING = Rows({}, {})


def row(name: str = "b", **values: Any) -> SandboxRow:
    fields: dict[str, Any] = {
        "id": name,
        "workspace_id": "w",
        "name": name,
        "state": "ready",
        "warm": False,
        "awaited": False,
        "pool_id": None,
        "starter": "another",
        "start_lease_until": NOW + 10,
        "updated_at": 1.0,
    }
    return SandboxRow(**fields | values)


def volume(name: str = "v", **values: Any) -> VolumeRow:
    fields: dict[str, Any] = {"id": name, "workspace_id": "w", "name": name, "state": "ready", "size_bytes": 100}
    return VolumeRow(**fields | {"wanted_size": None, "updated_at": 1.0} | values)


def made(sandbox_id: str, state: Any = "running", reason: str | None = None) -> RuntimeSandbox:
    return RuntimeSandbox(sandbox_id, state, Path("/s"), 5.0, reason)


def planned(
    *rows: SandboxRow | VolumeRow,
    there: tuple[RuntimeSandbox | RuntimeVolume, ...] = (),
    here: Here = HERE,
    remove_volumes: bool = False,
) -> list[tuple[str, str, str]]:
    """Kind, action and identifier of what is to be done about rows that nobody else changes."""
    both = Rows(
        {found.id: found for found in rows if isinstance(found, SandboxRow)},
        {found.id: found for found in rows if isinstance(found, VolumeRow)},
    )
    found = Found(
        {box.id: box for box in there if isinstance(box, RuntimeSandbox)},
        {kept.id: kept for kept in there if isinstance(kept, RuntimeVolume)},
    )
    differences = plan(both, found, both, here, remove_volumes=remove_volumes)
    assert all(difference.reason for difference in differences)
    return [(difference.kind, difference.action, difference.id) for difference in differences]


@pytest.mark.parametrize(
    ("wanted", "there", "action"),
    [
        (row(), made("b"), None),
        (row(), None, "fail"),
        (row(), made("b", "dead"), "fail"),
        (row(state="failed"), None, None),
        (row(state="failed"), made("b"), "destroy"),
        (row(state="deleting"), None, "remove"),
        (row(state="deleting"), made("b"), "remove"),
        (row(state="provisioning"), None, None),
        (row(state="provisioning", start_lease_until=NOW), None, "start"),
        (row(state="provisioning", starter=None), made("b"), "start"),
        (row(state="provisioning", starter=None, awaited=True), made("b"), "remove"),
        (row(warm=True, pool_id="p"), made("b"), None),
        (row(warm=True), made("b"), "remove"),
        (None, made("b"), "destroy"),
        (None, made("b", "dead"), "destroy"),
    ],
)
def test_each_difference_of_a_sandbox_has_its_step(
    wanted: SandboxRow | None, there: RuntimeSandbox | None, action: str | None
) -> None:
    found = planned(*filter(None, [wanted]), there=tuple(filter(None, [there])))
    assert found == ([("sandbox", action, "b")] if action else [])


@pytest.mark.parametrize(
    ("wanted", "there", "action"),
    [
        (volume(), RuntimeVolume("v", 4096, 5.0), None),
        (volume(state="provisioning"), None, "make"),
        (volume(state="deleting"), None, "remove"),
        (volume(wanted_size="1Gi"), RuntimeVolume("v", 4096, 5.0), "grow"),
        (volume(state="failed"), None, None),
        (volume(), None, "leave"),
        (volume(size_bytes=8192), RuntimeVolume("v", 4096, 5.0), "leave"),
        (volume(), RuntimeVolume("v", 1 << 30, 5.0), "leave"),
        (None, RuntimeVolume("v", 4096, 5.0), "leave"),
    ],
)
def test_each_difference_of_a_volume_has_its_step(
    wanted: VolumeRow | None, there: RuntimeVolume | None, action: str | None
) -> None:
    found = planned(*filter(None, [wanted]), there=tuple(filter(None, [there])))
    assert found == ([("volume", action, "v")] if action else [])


def test_only_volumes_that_no_row_knows_are_removed_and_only_when_told() -> None:
    there = (RuntimeVolume("v", 4096, 5.0), RuntimeVolume("orphan", 4096, 5.0))
    rows = (volume(), volume("lost"))
    assert planned(*rows, there=there) == [("volume", "leave", "orphan"), ("volume", "leave", "lost")]
    assert planned(*rows, there=there, remove_volumes=True) == [
        ("volume", "remove", "orphan"),
        ("volume", "leave", "lost"),
    ]


def test_what_this_process_works_on_is_its_own() -> None:
    rows = (row(state="deleting"), volume(state="provisioning"))
    assert planned(*rows, here=replace(HERE, busy={"b", "v"})) == []


def test_a_server_that_is_alone_waits_for_nobody_elses_lease() -> None:
    starting = row(state="provisioning")
    assert planned(starting, here=replace(HERE, alone=True)) == [("sandbox", "start", "b")]
    assert planned(replace(starting, starter="me"), here=replace(HERE, alone=True)) == []


def test_a_runtime_that_cannot_list_volumes_is_believed() -> None:
    rows = Rows({}, {"v": volume()})
    assert plan(rows, Found({}), rows, HERE) == []


@dataclass
class World:
    """One database and one runtime, and the steps that another server takes in them, one at a time."""

    rows: dict[str, SandboxRow] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)

    def lives(self, name: str, ending: str) -> Iterator[None]:
        """A sandbox that is made, and then stays, is deleted, dies or fails to start, step by step."""
        self.rows[name] = row(name, state="provisioning")
        yield
        if ending == "start fails":
            self._to(name, "failed")
            return
        self.there.add(name)
        yield
        if not self._to(name, "ready"):
            self.there.discard(name)  # deleted while it started
            return
        yield
        if ending == "dies":
            self.there.discard(name)
        if ending == "deleted":
            self.rows[name] = replace(self.rows[name], state="deleting")
            yield
            self.there.discard(name)
            yield
            self.rows.pop(name, None)

    def _to(self, name: str, state: str) -> bool:
        if name not in self.rows or self.rows[name].state != "provisioning":
            return False
        self.rows[name] = replace(self.rows[name], state=state)
        return True

    def wanted(self) -> set[str]:
        return {name for name, found in self.rows.items() if found.state in ("provisioning", "ready")}

    def mend(self, difference: Difference) -> None:
        """As the services do it, which look at the row again."""
        name, known = difference.id, self.rows.get(difference.id)
        if difference.action == "destroy":
            assert name not in self.wanted(), f"{name} is wanted, and was destroyed"
            self.there.discard(name)
        elif difference.action == "fail" and known is not None and known.state == "ready":
            assert name not in self.there, f"{name} is there, and was taken for gone"
            self.rows[name] = replace(known, state="failed")
        elif difference.action == "remove" and known is not None:
            assert known.state == "deleting"
            self.there.discard(name)
            del self.rows[name]


ENDINGS = st.sampled_from(["stays", "deleted", "dies", "start fails"])
NAMES = [f"s{number}" for number in range(4)]


@settings(max_examples=500, deadline=None)
@given(endings=st.lists(ENDINGS, min_size=1, max_size=4), orphan=st.booleans(), data=st.data())
def test_whatever_another_server_does_between_the_reads(endings: list[str], orphan: bool, data: st.DataObject) -> None:
    world = World()
    others = [world.lives(name, ending) for name, ending in zip(NAMES, endings, strict=False)]
    if orphan:
        world.there.add("orphan")
    read = Reading(world)
    mine = list(read.steps())
    while mine or others:
        turn = data.draw(st.integers(0, len(others) if mine else len(others) - 1))
        if turn == len(others):
            mine.pop(0)()
        elif next(others[turn], "over") == "over":
            others.pop(turn)
    assert not (world.wanted() & {name for name in NAMES if world.rows.get(name) is None})
    # Everybody is done: one more look leaves nothing.
    for step in Reading(world).steps():
        step()
    assert world.there == {name for name, found in world.rows.items() if found.state == "ready"}
    assert {found.state for found in world.rows.values()} <= {"ready", "failed"}
    kept = {name for name, ending in zip(NAMES, endings, strict=False) if ending == "stays"}
    assert world.there == kept


class Reading:
    """A look at a world and what it asks for, as steps between which others take theirs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = self._after = NOTHING
        self._found: dict[str, RuntimeSandbox] = {}
        self._plan: list[Difference] = []

    def steps(self) -> Iterator[Any]:
        """The runtime's list is no moment either: it is read one by one."""
        yield self._read_before
        for name in [*NAMES, "orphan"]:
            yield lambda name=name: self._list(name)
        yield self._read_after
        for _ in range(3):
            yield self._mend

    def _read_before(self) -> None:
        self._before = Rows(dict(self._world.rows), {})

    def _list(self, name: str) -> None:
        if name in self._world.there:
            self._found[name] = made(name)

    def _read_after(self) -> None:
        self._after = Rows(dict(self._world.rows), {})
        self._plan = plan(self._before, Found(self._found), self._after, HERE)

    def _mend(self) -> None:
        """A third of the plan, the rest with the last."""
        now, self._plan = self._plan[:2], self._plan[2:]
        for difference in now:
            self._world.mend(difference)
