"""Every session of a shim, by its id."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from sandboxcore.shim.history import History
from sandboxcore.shim.output import Budget
from sandboxcore.shim.requests import RefusedError
from sandboxcore.shim.session import Session

if TYPE_CHECKING:
    from sandboxcore.shim.limits import Limits
    from sandboxcore.shim.requests import StartRequest
    from sandboxcore.shim.spawner import Spawner


class SessionTable:
    """Starts, finds and expires sessions; at most ``limits.sessions`` of them are held.

    Finished sessions expire at their time to live, or the longest finished first when room is needed. Of an expired one
    only its id is remembered for a while, and its pipes while a surviving child writes to them.
    """

    def __init__(self, spawner: Spawner, limits: Limits) -> None:
        self._spawner = spawner
        self._limits = limits
        self._budget = Budget(limits, self._relieve)
        self._sessions: dict[str, Session] = {}
        self._finished: OrderedDict[str, Session] = OrderedDict()
        self._expired: OrderedDict[str, None] = OrderedDict()
        self._survivors: OrderedDict[int, Session] = OrderedDict()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.history = History(limits.history_commands, limits.history_bytes)

    def start(self, request: StartRequest) -> Session:
        """The session of ``request``, launched unless it exists already. Raises ``RefusedError``."""
        known = self._sessions.get(request.command_id)
        if known is not None:
            return known
        if request.command_id in self._expired:
            raise RefusedError("the command has run and its session has expired", kind="SessionExpired")
        if len(self._sessions) >= self._limits.sessions and not self._expire_oldest():
            raise RefusedError(f"{self._limits.sessions} commands are running in this sandbox; end one of them first")
        session = Session(request, self._limits, self._budget, self._exited)
        self._sessions[request.command_id] = session
        if request.recorded:
            self.history.began(session)
        session.launch(self._spawner)
        return session

    def find(self, command_id: str) -> Session:
        """Raises ``RefusedError`` with ``SessionExpired`` or ``CommandNotFound``."""
        session = self._sessions.get(command_id)
        if session is not None:
            return session
        if command_id in self._expired:
            raise RefusedError("the command's session has expired", kind="SessionExpired")
        raise RefusedError(f"no such command: {command_id}", kind="CommandNotFound")

    def describe(self) -> list[dict[str, Any]]:
        """Every session that is held, the oldest first."""
        return [session.describe() for session in self._sessions.values()]

    def running(self) -> list[str]:
        """The ids of the sessions that have not ended, the oldest first."""
        return [command_id for command_id, session in self._sessions.items() if session.final is None]

    def held(self) -> dict[str, list[int]]:
        """How much each session that is held has printed on each stream."""
        return {
            command_id: [output.ring.end for output in session.outputs]
            for command_id, session in self._sessions.items()
        }

    def abandon(self, message: str) -> None:
        """End every session with an error, because the sandbox has ended."""
        for session in list(self._sessions.values()):
            session.abandon(message)

    def close(self) -> None:
        """Let go of everything."""
        for timer in self._timers.values():
            timer.cancel()
        for session in [*self._sessions.values(), *self._survivors.values()]:
            session.close()
        self._sessions.clear()
        self._survivors.clear()

    def _exited(self, session: Session) -> None:
        self._finished[session.command_id] = session
        self.history.ended(session)
        ttl = session.request.ttl
        if ttl is not None:
            loop = asyncio.get_running_loop()
            self._timers[session.command_id] = loop.call_later(ttl, self._expire, session)

    def _expire(self, session: Session) -> None:
        timer = self._timers.pop(session.command_id, None)
        if timer is not None:
            timer.cancel()
        del self._sessions[session.command_id], self._finished[session.command_id]
        self._expired[session.command_id] = None
        while len(self._expired) > self._limits.tombstones:
            self._expired.popitem(last=False)
        session.expire()
        if session.has_survivors:
            self._follow_survivors(session)

    def _expire_oldest(self) -> bool:
        if not self._finished:
            return False
        self._expire(next(iter(self._finished.values())))
        return True

    def _follow_survivors(self, session: Session) -> None:
        """Keep a session whose pipes are still in use, the latest of them, until they end."""
        for key, old in list(self._survivors.items()):
            if not old.has_survivors:
                del self._survivors[key]
        self._survivors[id(session)] = session
        while len(self._survivors) > self._limits.sessions:
            self._survivors.popitem(last=False)[1].close()

    def _relieve(self) -> None:
        """Too much text is held: finished sessions that nobody reads keep their last lines, or if need be nothing."""
        for give_up in (Session.trim, self._expire):
            for session in list(self._finished.values()):
                if self._budget.used <= self._limits.buffered_bytes:
                    return
                if not session.readers:
                    give_up(session)
