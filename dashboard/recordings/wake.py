"""Tells this process's recorders that a shell has started, so that none waits for their next look."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

_woken: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def woken() -> asyncio.Event:
    """The event of the running loop."""
    return _woken.setdefault(asyncio.get_running_loop(), asyncio.Event())


def wake() -> None:
    """Have the recorders look. Call it on the event loop."""
    woken().set()
