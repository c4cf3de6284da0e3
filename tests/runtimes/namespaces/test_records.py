"""Records come back as they were written, and prove whose a process is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces.records import ProcessName, Record, Records
from sandboxcore.runtimes.namespaces.syscalls import process_start_time

if TYPE_CHECKING:
    from pathlib import Path


def test_it_works(tmp_path: Path) -> None:
    records = Records(tmp_path)
    record = Record("a", "running", 1.5, records.boot, 7, "loop", ProcessName(1, 2), ProcessName(3, 4), None)
    records.save(record)
    record.state = "dead"
    record.reason = "why"
    records.save(record)
    (tmp_path / "b.new").write_text('{"half')
    assert list(records.load()) == [record]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    records.forget("a")
    records.forget("a")
    assert list(records.load()) == []


def test_a_process_is_known_by_when_it_began() -> None:
    start = process_start_time(os.getpid())
    assert start is not None
    assert ProcessName(os.getpid(), start).is_alive()
    assert not ProcessName(os.getpid(), start + 1).is_alive()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert process_start_time(pid) is None


def test_a_broken_record_is_forgotten(tmp_path: Path) -> None:
    records = Records(tmp_path)
    good = Record("b", "running", 1.5, records.boot, None, "loop")
    records.save(good)
    for name, text in (("a", ""), ("c", "[]"), ("d", '{"id": "d"}'), ("e", '{"shim": 1, "init": null}')):
        (tmp_path / f"{name}.json").write_text(text)
    assert list(records.load()) == [good]
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]
