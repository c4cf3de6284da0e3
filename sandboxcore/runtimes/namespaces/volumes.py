"""The host's volumes: made, grown and removed by a process each, so that the host goes on serving meanwhile."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn, get_args

from sandboxcore.runtimes.base import VolumeError, VolumeFailure
from sandboxcore.runtimes.namespaces import signals, syscalls, volume_image, volume_usage
from sandboxcore.runtimes.namespaces.events import Process
from sandboxcore.runtimes.namespaces.records import ProcessName

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandboxcore.runtimes.base import RuntimeVolume, VolumeUsage
    from sandboxcore.runtimes.namespaces.events import Events

    Done = Callable[[VolumeError | None], None]

AT_ONCE = 2
MAX_WAITING = 256
MAX_WORDS = 2048
"""Bytes of a worker's answer; less than a pipe holds."""


@dataclass(frozen=True, slots=True)
class _Job:
    volume_id: str
    action: Callable[[], None]
    done: Done


class Volumes:
    """One job a volume at a time, in the order in which they were asked for."""

    def __init__(self, events: Events, folder: Path) -> None:
        self._events = events
        self._folder = folder
        self._waiting: list[_Job] = []
        self._working: dict[str, Process] = {}
        volume_image.forget_unfinished(folder)

    def exists(self, volume_id: str) -> bool:
        """Whether there is such a volume."""
        return volume_image.path_of(self._folder, volume_id).exists()

    def listed(self, after: str, most: int) -> list[RuntimeVolume]:
        """Volumes by id from the one after ``after``, at most so many."""
        return volume_image.listed(self._folder, after, most)

    def usage(self, volume_ids: list[str]) -> dict[str, VolumeUsage]:
        """How full these volumes are, by id."""
        return volume_usage.measured(self._folder, volume_ids)

    def create(self, volume_id: str, size: int, done: Done) -> None:
        """Make a volume; ``done`` is called once, with an error or without. So for the other two."""
        self._add(volume_id, partial(volume_image.make, self._folder, volume_id, size), done)

    def resize(self, volume_id: str, size: int, done: Done) -> None:
        """Grow a volume."""
        self._add(volume_id, partial(volume_image.grow, self._folder, volume_id, size), done)

    def delete(self, volume_id: str, done: Done) -> None:
        """Remove a volume."""
        self._add(volume_id, partial(volume_image.remove, self._folder, volume_id), done)

    def _add(self, volume_id: str, action: Callable[[], None], done: Done) -> None:
        if len(self._waiting) >= MAX_WAITING:
            done(VolumeError("too many volumes are waiting to be changed; try again later", kind="Failed"))
            return
        self._waiting.append(_Job(volume_id, action, done))
        self._work()

    def _work(self) -> None:
        while len(self._working) < AT_ONCE:
            job = next((job for job in self._waiting if job.volume_id not in self._working), None)
            if job is None:
                return
            self._waiting.remove(job)
            try:
                self._start(job)
            except OSError as error:
                job.done(VolumeError(f"no process could be started for it: {error.strerror}", kind="Failed"))

    def _start(self, job: _Job) -> None:
        words_read, words_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        host = os.getpid()
        # Between the fork and its first lines the child must not run this process's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
        try:
            pid = os.fork()
            if pid == 0:
                _work_and_tell(job.action, words_write, host)
        except OSError:
            os.close(words_read)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
            os.close(words_write)
        name = ProcessName(pid, syscalls.process_start_time(pid) or 0)
        self._working[job.volume_id] = Process(self._events, name, partial(self._ended, job, words_read))

    def _ended(self, job: _Job, words: int) -> None:
        del self._working[job.volume_id]
        try:
            answer = os.read(words, MAX_WORDS)
        except BlockingIOError:
            answer = b""
        finally:
            os.close(words)
        job.done(_error_in(answer))
        self._work()


def _work_and_tell(action: Callable[[], None], words: int, host: int) -> NoReturn:
    answer: dict[str, str | None] = {"kind": "Failed", "message": "it failed in an unknown way; see the host's log"}
    try:
        # Nobody would take its answer, and the next host may be asked for the same.
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == host:
            signals.reset()
            syscalls.close_others((0, 1, 2, words))
            action()
            answer = {"kind": None, "message": None}
    except VolumeError as error:
        answer = {"kind": error.kind, "message": str(error)}
    except OSError as error:
        full = error.errno in volume_image.FULL
        answer = {"kind": "Full" if full else "Failed", "message": error.strerror or str(error)}
    finally:
        os.write(words, json.dumps(answer).encode()[:MAX_WORDS])
        os._exit(0)


def _error_in(answer: bytes) -> VolumeError | None:
    try:
        fields = json.loads(answer)
    except ValueError:
        return VolumeError("its process was ended", kind="Failed")
    kind: VolumeFailure | None = fields["kind"]
    if kind is None:
        return None
    return VolumeError(fields["message"], kind=kind if kind in get_args(VolumeFailure) else "Failed")
