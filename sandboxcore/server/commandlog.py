"""What shims tell of commands, on its way to the database.

The shim is what knows: it remembers each start and each end until this has written it down. A request that runs a
command only leaves word that there is something to ask; sandboxes in which commands run are asked again from time to
time, and every sandbox once when the server starts, and before its end.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from sandboxcore.server.clock import now
from sandboxcore.server.dataplane.shim_client import ShimUnreachableError
from sandboxcore.server.dataplane.shim_history import ask
from sandboxcore.server.db.models import Sandbox
from sandboxcore.server.repeating import Due, attempt, repeat
from sandboxcore.server.services import commands
from sandboxcore.server.services.commands import Place, Watched

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sandboxcore.server.config import Settings
    from sandboxcore.server.dataplane.shim_history import Told
    from sandboxcore.server.dataplane.target import Target
    from sandboxcore.server.db.engine import Database

log = logging.getLogger("sandboxd.commands")
ACTOR = "system"
WRITE_SECONDS = 0.5
WATCH_SECONDS = 3.0
"""How soon the end of a command is learned that nobody reads; later the longer it has run, up to the next."""
LONGEST_WATCH_SECONDS = 60.0
ROUND_SECONDS = 60.0
ROUND_SANDBOXES = 200
"""Of all sandboxes, so many are asked in each round: another server may have been killed with something to ask."""
TRIM_SECONDS = 60.0
AT_A_TIME = 8
MOST_REMEMBERED = 20_000
"""Sandboxes whose place in what they told is kept in mind."""
ANSWER_SECONDS = 2.0
LAST_LOOK_SECONDS = 0.25
"""How long the end of a sandbox may be held up by the last question about its commands."""
_READY = (
    select(Sandbox.id, Sandbox.workspace_id, Sandbox.shim_socket)
    .where(Sandbox.state == "ready", ~Sandbox.warm, Sandbox.shim_socket.is_not(None))
    .order_by(Sandbox.id)
)


class CommandLog:
    """Asks shims about their commands, and writes down what they say."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._due: dict[str, Place] = {}
        self._kept: dict[str, int] = {}
        """Up to which number what each shim told is written down."""
        self._grown: set[str] = set()
        """Sandboxes that were given commands since the last trim."""
        self._watch_at: dict[str, float] = {}
        """When to ask next where commands run, on the loop's clock."""
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._round_after = ""
        self._sandbox_ended = False

    def touch(self, target: Target) -> None:
        """A command of the sandbox has begun or ended. Costs nothing."""
        self._due[target.sandbox_id] = Place(target.sandbox_id, target.caller.workspace_id, target.shim_socket)

    def forget(self, sandbox_id: str) -> None:
        """The sandbox is gone."""
        self._due.pop(sandbox_id, None)
        self._kept.pop(sandbox_id, None)
        self._watch_at.pop(sandbox_id, None)
        self._sandbox_ended = True

    async def look(self, place: Place, *, held: bool = False, within: float = ANSWER_SECONDS) -> Told | None:
        """Ask a shim now and write down what it says; None where it does not answer."""
        told = await self._ask(place, held=held, within=within)
        if told is not None:
            await self._write_down([(place, told)])
        return told

    async def last_look(self, sandbox_id: str) -> None:
        """Ask the shim of a sandbox that is about to end, which nothing keeps from it."""
        query = select(Sandbox.workspace_id, Sandbox.shim_socket).where(
            Sandbox.id == sandbox_id, ~Sandbox.warm, Sandbox.shim_socket.is_not(None)
        )
        try:
            row = await self._database.fetch_one(query, {})
            if row is not None:
                await self.look(Place(sandbox_id, row.workspace_id, row.shim_socket), within=LAST_LOOK_SECONDS)
        except Exception:  # what is not known of its last commands must not keep a sandbox
            log.exception("asking for the last commands of sandbox %s failed", sandbox_id)

    async def keep_writing(self) -> None:
        """Ask and write whenever it is time; runs until cancelled."""
        after: str | None = ""
        is_watch_due, is_round_due, is_trim_due = (
            Due(WATCH_SECONDS, at_once=True),
            Due(ROUND_SECONDS),
            Due(TRIM_SECONDS),
        )

        async def write() -> None:
            nonlocal after
            if after is not None:
                after = await self._round(after)
            await self.write_down()
            if is_watch_due() or self._sandbox_ended:
                is_watch_due.postpone()
                await self.watch()
            if is_round_due():
                await self._next_round()
            if is_trim_due():
                await self.trim()

        doing = "writing down commands"
        await attempt(write, log=log, doing=doing)
        await repeat(write, every=WRITE_SECONDS, log=log, doing=doing)

    async def write_down(self) -> None:
        """Ask every shim that has something to tell, and write it down."""
        due = list(self._due.values())
        for first in range(0, len(due), ROUND_SANDBOXES):
            some = due[first : first + ROUND_SANDBOXES]
            for place in some:
                self._due.pop(place.sandbox_id, None)
            try:
                await self._ask_all(some)
            except BaseException:
                for place in some:
                    self._due.setdefault(place.sandbox_id, place)
                raise

    async def watch(self) -> None:
        """Ask, where commands run, whether they still do; end those whose sandbox has ended."""
        self._sandbox_ended = False
        while await commands.close_ended(self._database, actor=ACTOR) == commands.BATCH:
            continue
        clock = asyncio.get_running_loop().time()
        running = await commands.watched(self._database)
        self._watch_at = {
            each.place.sandbox_id: self._watch_at.get(each.place.sandbox_id, clock + _pause(each)) for each in running
        }
        due = [each for each in running if self._watch_at[each.place.sandbox_id] <= clock]
        for each in due:
            self._watch_at[each.place.sandbox_id] = clock + _pause(each)
        for first in range(0, len(due), ROUND_SANDBOXES):
            some = due[first : first + ROUND_SANDBOXES]
            told = await self._ask_all([each.place for each in some])
            for each in some:
                await self._lose_unknown(each, told.get(each.place.sandbox_id))

    async def trim(self) -> None:
        """Forget what is too much."""
        grown, self._grown = self._grown, set()
        if len(self._kept) > MOST_REMEMBERED:
            self._kept.clear()  # another server ended some; shims then tell again of what runs, and nothing else
        await commands.trim(self._database, grown, most=self._settings.commands_kept)

    async def _lose_unknown(self, watched: Watched, told: Told | None) -> None:
        """A command that was running and is not known to its shim any more ended, and nobody can say how."""
        if told is None:
            return
        unknown = watched.command_ids - told.running - {entry["command_id"] for entry in told.entries}
        if unknown:
            sandbox_id = watched.place.sandbox_id
            await commands.lose(self._database, actor=ACTOR, sandbox_id=sandbox_id, command_ids=unknown)

    async def _next_round(self) -> None:
        """Ask some more of all sandboxes, where another server may have left something."""
        if not self._database.is_sqlite:
            self._round_after = await self._round(self._round_after) or ""

    async def _round(self, after: str) -> str | None:
        """Ask the next sandboxes by identifier; where to go on, None after the last."""
        query = _READY.where(Sandbox.id > after).limit(ROUND_SANDBOXES)
        rows = await self._database.fetch_all(query, {})
        await self._ask_all([Place(row.id, row.workspace_id, row.shim_socket) for row in rows])
        return rows[-1].id if len(rows) == ROUND_SANDBOXES else None

    async def _ask_all(self, places: Collection[Place]) -> dict[str, Told]:
        """What each shim that answers says, written down."""
        answers = await asyncio.gather(*(self._ask_in_turn(place) for place in places))
        told = [(place, answer) for place, answer in zip(places, answers, strict=True) if answer is not None]
        await self._write_down(told)
        return {place.sandbox_id: answer for place, answer in told}

    async def _ask_in_turn(self, place: Place) -> Told | None:
        async with self._turn:
            return await self._ask(place, held=False, within=ANSWER_SECONDS)

    async def _ask(self, place: Place, *, held: bool, within: float) -> Told | None:
        try:
            async with asyncio.timeout(within):
                return await ask(place.shim_socket, after=self._kept.get(place.sandbox_id, 0), held=held)
        except ShimUnreachableError as error:
            log.debug("the shim of %s does not tell of its commands: %s", place.sandbox_id, error)
        except TimeoutError:
            self._due.setdefault(place.sandbox_id, place)  # it is busy, and there may be something
        return None

    async def _write_down(self, told: Iterable[tuple[Place, Told]]) -> None:
        news = [(place, answer) for place, answer in told if answer.entries]
        if not news:
            return
        await commands.write_down(self._database, [(place, answer.entries) for place, answer in news])
        for place, answer in news:
            self._kept[place.sandbox_id] = max(self._kept.get(place.sandbox_id, 0), answer.newest)
            self._grown.add(place.sandbox_id)


def _pause(watched: Watched) -> float:
    """Seconds until the next question: a command that has run for long will rarely end now."""
    age = max(0.0, now() - watched.latest_start)
    return min(max(WATCH_SECONDS, age / 10), LONGEST_WATCH_SECONDS)
