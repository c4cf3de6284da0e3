"""Which shells this process records: a lease in the database for each, so that no two processes record one."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import DatabaseError, IntegrityError
from django.db.models import F, Q
from django.utils import timezone

from dashboard.recordings.models import Recording, RecordingPolicy, State
from dashboard.recordings.recorder import CutError, EndedError, Recorder
from dashboard.recordings.retention import keep_house
from dashboard.recordings.store import cast_path, text_path
from dashboard.recordings.text import write_text
from dashboard.recordings.wake import woken
from dashboard.terminals.actions import mark_ended
from dashboard.terminals.models import TerminalSession

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)
LOOK_SECONDS = 3.0
LEASE = timedelta(seconds=12)
"""How long a recording waits for a process that died; renewed at each look."""
MOST = 200
"""Recorders of one process; further shells wait, their output in their buffers."""
HOUSE_SECONDS = 600.0
TURNED_OFF = "Recording was turned off."


class Supervisor:
    """Every recorder of this process, from ``start`` to ``close``."""

    def __init__(self) -> None:
        self._host = socket.gethostname()[:16]
        self._me = f"{self._host}-{os.getpid()}-{secrets.token_hex(4)}"
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._recorders: dict[UUID, Recorder] = {}
        self._looked = False
        self._looking: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for shells."""
        self._looking = asyncio.create_task(self._look_always())
        self._keeping = asyncio.create_task(self._keep_always())

    async def close(self) -> None:
        """Stop, and let other processes go on at once."""
        for task in (self._looking, self._keeping):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        for recording_id in list(self._tasks):
            await self._stop(recording_id)
        await Recording.objects.filter(leased_by=self._me).aupdate(leased_by="", leased_until=None)

    async def _look_always(self) -> None:
        while True:
            woken().clear()
            try:
                if not self._looked:
                    await self.release_dead()
                await self.look()
                self._looked = True
            except DatabaseError:
                logger.exception("recordings: the database does not answer")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await woken().wait()
            except TimeoutError:
                continue

    async def _keep_always(self) -> None:
        while True:
            try:
                await keep_house()
            except (DatabaseError, OSError):
                logger.exception("recordings could not be tidied")
            await asyncio.sleep(HOUSE_SECONDS)

    async def release_dead(self) -> None:
        """Give up the leases of processes of this machine that are dead: nobody has to wait for their end."""
        theirs = Recording.objects.filter(state=State.RECORDING, leased_by__startswith=f"{self._host}-")
        for holder in {each async for each in theirs.values_list("leased_by", flat=True)}:
            if not _is_alive(int(holder.split("-")[-2])):
                await theirs.filter(leased_by=holder).aupdate(leased_by="", leased_until=None)

    async def look(self) -> None:
        """Once: keep the leases, stop what may not go on, begin what is to be recorded."""
        await self._renew()
        await self._turn_off()
        await self._note_new()
        await self._claim()

    async def _renew(self) -> None:
        """Keep what is held; stop what another process has taken, or what is gone."""
        until = timezone.now() + LEASE
        for recording_id, recorder in list(self._recorders.items()):
            held = Recording.objects.filter(id=recording_id, leased_by=self._me, state=State.RECORDING)
            if not await held.aupdate(leased_until=until, size=recorder.size, seconds=recorder.seconds):
                await self._stop(recording_id)

    async def _turn_off(self) -> None:
        """End the recordings of teams that have turned recording off."""
        off = Recording.objects.filter(state=State.RECORDING, team__recording_policy__enabled=False)
        async for recording in off.select_related("team")[:MOST]:
            if (
                recording.leased_by not in {"", self._me}
                and recording.leased_until
                and (recording.leased_until > timezone.now())
            ):
                continue
            recorder = self._recorders.get(recording.id) or Recorder(recording, 0)
            await self._stop(recording.id)
            try:
                await recorder.say(TURNED_OFF)
            except OSError:
                logger.exception("recording %s could not be ended", recording.id)
            await self._finish(recording, recorder, State.ENDED, TURNED_OFF)

    async def _note_new(self) -> None:
        """Give each shell of a team that records a recording."""
        shells = TerminalSession.objects.filter(
            team__recording_policy__enabled=True, started_at__isnull=False, ended_at=None, recording=None
        )
        async for shell in shells.select_related("team__recording_policy", "created_by")[:MOST]:
            await note(shell)

    async def _claim(self) -> None:
        now = timezone.now()
        free = Q(leased_until=None) | Q(leased_until__lt=now) | Q(leased_by=self._me)
        waiting = Recording.objects.filter(free, state=State.RECORDING, session__isnull=False).exclude(
            id__in=list(self._tasks)
        )
        rows = waiting.select_related("team__recording_policy").order_by("started_at")
        async for recording in rows[: max(0, MOST - len(self._tasks))]:
            mine = Recording.objects.filter(free, id=recording.id, state=State.RECORDING)
            if await mine.aupdate(leased_by=self._me, leased_until=now + LEASE):
                recorder = Recorder(recording, recording.team.recording_policy.max_mb << 20)
                self._recorders[recording.id] = recorder
                self._tasks[recording.id] = asyncio.create_task(self._run(recording, recorder))

    async def _run(self, recording: Recording, recorder: Recorder) -> None:
        try:
            await recorder.run()
        except EndedError as ended:
            await self._finish(recording, recorder, State.ENDED, ended.reason)
            if recording.session_id is not None:
                await mark_ended(recording.session_id, exit_code=ended.exit_code)
        except CutError as cut:
            await self._finish(recording, recorder, State.CUT, str(cut))
        except OSError as error:
            logger.exception("recording %s cannot be written", recording.id)
            await self._finish(recording, recorder, State.CUT, f"It could not be written: {error.strerror}"[:200])
        except Exception:  # the last resort of a task that nobody awaits; it is taken up again after its lease
            logger.exception("recording %s failed", recording.id)
        finally:
            self._tasks.pop(recording.id, None)
            self._recorders.pop(recording.id, None)

    async def _finish(self, recording: Recording, recorder: Recorder, state: State, reason: str) -> None:
        try:
            await asyncio.to_thread(write_text, cast_path(recording.id), text_path(recording.id))
        except FileNotFoundError:
            logger.warning("recording %s has no file", recording.id)
        except (OSError, ValueError):
            logger.exception("the text of recording %s could not be written", recording.id)
        await Recording.objects.filter(id=recording.id, state=State.RECORDING).aupdate(
            state=state,
            reason=reason,
            ended_at=timezone.now(),
            size=recorder.size or F("size"),
            seconds=recorder.seconds,
            leased_by="",
            leased_until=None,
        )

    async def _stop(self, recording_id: UUID) -> None:
        self._recorders.pop(recording_id, None)
        task = self._tasks.pop(recording_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


async def note(shell: TerminalSession) -> None:
    """Make the shell's recording; nothing where another process was first."""
    policy: RecordingPolicy = shell.team.recording_policy
    started = shell.started_at or timezone.now()
    late = policy.since is not None and started < policy.since
    try:
        await Recording.objects.acreate(
            team=shell.team,
            session=shell,
            sandbox_id=shell.sandbox_id,
            sandbox_name=shell.sandbox_name,
            person=shell.created_by,
            person_name=shell.created_by.get_username() if shell.created_by else "",
            late=late,
            started_at=timezone.now() if late else started,
        )
    except IntegrityError:
        return


SUPERVISOR = Supervisor()
