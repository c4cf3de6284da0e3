"""All sandboxes of this host: made, found again, listed, ended."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sandboxcore.runtimes.base import Usage
from sandboxcore.runtimes.namespaces import image
from sandboxcore.runtimes.namespaces.cgroups import Counters
from sandboxcore.runtimes.namespaces.plan import IdMap, Plan, PlanError
from sandboxcore.runtimes.namespaces.ranges import ids_of
from sandboxcore.runtimes.namespaces.records import Record
from sandboxcore.runtimes.namespaces.sandbox import Sandbox, new_record
from sandboxcore.runtimes.namespaces.traffic import traffic_of
from sandboxcore.runtimes.namespaces.volume_image import path_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxcore.runtimes.base import SandboxSpec
    from sandboxcore.runtimes.namespaces.cgroups import Group, Groups
    from sandboxcore.runtimes.namespaces.events import Events
    from sandboxcore.runtimes.namespaces.plan import ImageTree, LayerKind
    from sandboxcore.runtimes.namespaces.ranges import Ranges
    from sandboxcore.runtimes.namespaces.records import Records
    from sandboxcore.runtimes.namespaces.settings import Settings

    Started = Callable[[Sandbox | PlanError], None]

STARTING_AT_ONCE = 2 * (os.cpu_count() or 1) + 2
"""More at a time would only make each slower."""
MAX_QUEUED = 4096


@dataclass(frozen=True, slots=True)
class Means:
    """What this machine offers to make sandboxes with."""

    privileged: bool
    image: ImageTree
    layer: LayerKind
    owned_lower: bool
    groups: Groups | None
    ranges: Ranges | None
    """None where every sandbox has the same ids: ``ids``."""
    ids: IdMap | None
    volumes: bool = False
    """Whether volumes can be mounted."""

    def plan(self, settings: Settings, spec: SandboxSpec, ids: IdMap, group: Group | None) -> Plan:
        """How a sandbox is made with these means."""
        return Plan(
            spec=spec,
            image=self.image,
            ids=ids,
            directory=settings.sandboxes / spec.id,
            stage=settings.stage,
            layers=settings.layers,
            layer=self.layer,
            volumes=settings.volumes,
            privileged=self.privileged,
            owned_lower=self.owned_lower,
            group=group,
            socket_uid=settings.socket_uid,
            socket_gid=settings.socket_gid,
        )


class Sandboxes:
    """The table of sandboxes by id."""

    def __init__(self, events: Events, records: Records, settings: Settings, means: Means) -> None:
        self._events = events
        self._records = records
        self._settings = settings
        self._means = means
        self._table: dict[str, Sandbox] = {}
        self._queued: dict[str, tuple[SandboxSpec, list[Started]]] = {}
        self._starting = 0

    def find(self, sandbox_id: str) -> Sandbox | None:
        """The sandbox if it runs or has died."""
        sandbox = self._table.get(sandbox_id)
        return sandbox if sandbox is not None and _is_shown(sandbox) else None

    def listed(self, after: str, most: int) -> list[Sandbox]:
        """Sandboxes that run or have died, in the order of their ids, from the first after ``after``."""
        shown = sorted(key for key, sandbox in self._table.items() if key > after and _is_shown(sandbox))
        return [self._table[key] for key in shown[:most]]

    def create(self, spec: SandboxSpec, done: Started) -> None:
        """Make the sandbox, or find the one of this id; ``done`` is called once."""
        sandbox = self._table.get(spec.id)
        if sandbox is None:
            self._enqueue(spec, done)
        elif sandbox.ending:
            # Dead, or on its way out: the id begins anew when nothing is left of the old one.
            self.destroy(spec.id, lambda: self.create(spec, done))
        elif sandbox.record.state == "running":
            done(sandbox)
        else:
            sandbox.started.append(partial(_answer_start, done, sandbox))

    def destroy(self, sandbox_id: str, done: Callable[[], None]) -> None:
        """End and remove; ``done`` is called when nothing is left, at once when there was nothing."""
        _, waiting = self._queued.pop(sandbox_id, (None, []))
        for callback in waiting:
            callback(PlanError("it was destroyed before it was made", kind="CrashLoop"))
        sandbox = self._table.get(sandbox_id)
        if sandbox is None:
            done()
        elif sandbox.gone:
            self._forget(sandbox)
            done()
        else:
            sandbox.ended.append(partial(self._forget, sandbox))
            sandbox.ended.append(done)
            sandbox.end("it was destroyed")

    def destroy_all(self, done: Callable[[], None]) -> Callable[[], int]:
        """Destroy every sandbox; ``done`` is called after the last. Returns a function that counts those left."""

        def one_less() -> None:
            if not self._table:
                done()

        for sandbox_id in list(self._table):
            self.destroy(sandbox_id, one_less)
        return lambda: len(self._table)

    def usage(self, sandbox: Sandbox) -> Usage:
        """What a running sandbox uses: its group's counters, bytes of its writable layer and of its network."""
        counters = sandbox.group.counters() if sandbox.group else Counters()
        traffic = traffic_of(sandbox.record.init.pid) if sandbox.record.init else None
        return Usage(
            cpu_seconds=counters.cpu_seconds,
            memory_bytes=counters.memory_bytes,
            pids=counters.pids,
            storage_bytes=_layer_use(sandbox),
            oom_kills=counters.oom_kills,
            throttled_seconds=counters.throttled_seconds,
            rx_bytes=traffic.rx_bytes if traffic else None,
            tx_bytes=traffic.tx_bytes if traffic else None,
        )

    # Finding again

    def adopt_all(self) -> None:
        """Take over what an earlier host left: running sandboxes go on, half-made ones are removed."""
        for record in self._records.load():
            if record.boot != self._records.boot:
                self._records.forget(record.id)
                continue
            sandbox = self._table[record.id] = self._make(record)
            if record.index is not None and self._means.ranges is not None:
                self._means.ranges.adopt(record.index)
            if record.state == "running":
                sandbox.adopt()
            else:
                if record.state == "starting":
                    sandbox.ended.append(partial(self._forget, sandbox))
                sandbox.end(record.reason or "it was never finished")
        self._remove_strays()
        if not self._table:
            image.forget_others(self._settings.images, self._means.image.tree)

    def _remove_strays(self) -> None:
        """Remove what has no record: only a hand on the machine, or its restart, leaves such things."""
        names = self._means.groups.names() if self._means.groups else set()
        folders = {path.name for place in (self._settings.sandboxes, self._settings.layers) for path in place.iterdir()}
        for name in (names | {name for name in folders if not name.endswith((".img", ".new", ".lock"))}) - set(
            self._table
        ):
            stray = self._table[name] = self._make(Record(name, "starting", 0, self._records.boot, None, "directory"))
            stray.ended.append(partial(self._forget, stray))
            stray.end("it has no record")

    # Making

    def _enqueue(self, spec: SandboxSpec, done: Started) -> None:
        if spec.id in self._queued:
            self._queued[spec.id][1].append(done)
        elif len(self._queued) >= MAX_QUEUED:
            done(PlanError("too many sandboxes are waiting to be made", kind="Unschedulable"))
        else:
            self._queued[spec.id] = (spec, [done])
            self._work()

    def _work(self) -> None:
        """Start as many of those that wait as may start at once."""
        while self._queued and self._starting < STARTING_AT_ONCE:
            spec, waiting = self._queued.pop(next(iter(self._queued)))
            try:
                self._start(spec, waiting)
            except (PlanError, OSError) as error:
                refusal = error if isinstance(error, PlanError) else PlanError(str(error), kind="Unschedulable")
                for callback in waiting:
                    callback(refusal)

    def _start(self, spec: SandboxSpec, waiting: list[Started]) -> None:
        if spec.image != image.NAME:
            raise PlanError(f"there is no image {spec.image!r} here; there is: {image.NAME}", kind="ImagePull")
        self._check_volumes(spec)
        index, held = self._take_range()
        sandbox = self._make(new_record(self._records, spec.id, index, self._means.layer))
        self._table[spec.id] = sandbox
        self._starting += 1
        sandbox.started.append(lambda _error: self._one_less())
        for callback in waiting:
            sandbox.started.append(partial(_answer_start, callback, sandbox))
        try:
            sandbox.start(self._means.plan(self._settings, spec, sandbox.ids, sandbox.group), held)
        except OSError as error:
            # No process, no folder, no space: what was made so far goes, and those who wait are told.
            sandbox.fail(PlanError(f"the sandbox could not be made: {error.strerror}", kind="Unschedulable"))

    def _check_volumes(self, spec: SandboxSpec) -> None:
        if spec.mounts and not self._means.volumes:
            raise PlanError("volumes cannot be mounted on this machine; the host's log says why", kind="SandboxConfig")
        for mount in spec.mounts:
            if not path_of(self._settings.volumes, mount.volume_id).exists():
                raise PlanError(f"the volume for {mount.path} does not exist", kind="SandboxConfig")

    def _one_less(self) -> None:
        self._starting -= 1
        self._work()

    def _take_range(self) -> tuple[int | None, list[int]]:
        if self._means.ranges is None:
            return None, []
        taken = self._means.ranges.take()
        if taken is None:
            raise PlanError("every range of user ids of this machine is in use", kind="Unschedulable")
        index, descriptor = taken
        return index, [descriptor]

    def _make(self, record: Record) -> Sandbox:
        means = self._means
        return Sandbox(
            self._events,
            self._records,
            record,
            directory=self._settings.sandboxes / record.id,
            ids=means.ids or ids_of(record.index or 0),
            layer_folder=self._settings.layers / record.id if record.layer == "directory" else None,
            group=means.groups.group(record.id) if means.groups else None,
            on_gone=self._gone,
        )

    def _gone(self, sandbox: Sandbox) -> None:
        if sandbox.record.index is not None and self._means.ranges is not None:
            self._means.ranges.release(sandbox.record.index)
        if sandbox.record.state == "starting":
            self._forget(sandbox)

    def _forget(self, sandbox: Sandbox) -> None:
        self._records.forget(sandbox.record.id)
        if self._table.get(sandbox.record.id) is sandbox:
            del self._table[sandbox.record.id]


def _answer_start(callback: Started, sandbox: Sandbox, error: PlanError | None) -> None:
    callback(error or sandbox)


def _is_shown(sandbox: Sandbox) -> bool:
    return sandbox.record.state == "dead" or (sandbox.record.state == "running" and not sandbox.ending)


def _layer_use(sandbox: Sandbox) -> int | None:
    """Bytes used of a layer with a size of its own; the shim's root shows it at ``/layer``."""
    if sandbox.record.layer != "loop" or sandbox.record.shim is None:
        return None
    try:
        use = os.statvfs(f"/proc/{sandbox.record.shim.pid}/root/layer")
    except OSError:
        return None
    return (use.f_blocks - use.f_bfree) * use.f_frsize
