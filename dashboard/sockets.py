"""What the console's WebSockets share: why one is closed, whose it is, and how its loops end."""

from __future__ import annotations

import asyncio
from enum import IntEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from channels.auth import get_user
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from django.contrib.auth.models import AnonymousUser

    from dashboard.accounts.models import User
    from dashboard.teams.access import Access

RECHECK_SECONDS = 30.0
"""How often a socket asks again whether its person may: it must not outlive a sign-out or a membership."""
PING_SECONDS = 25.0
"""Below the shortest idle cut-off that proxies usually have."""


class CloseCode(IntEnum):
    """Why a socket was closed; the page says so, and knows from it whether to come back."""

    ENDED = 1000
    RELOADING = 1012
    UNREACHABLE = 1013
    BAD_MESSAGE = 4400
    SIGNED_OUT = 4401
    NOT_ALLOWED = 4403
    GONE = 4404
    SILENT = 4408
    TAKEN_OVER = 4409
    EXPIRED = 4410


class Closing(Exception):  # noqa: N818  # not an error: how a pump says that the socket is done
    """The socket is to be closed. ``reason`` is one sentence for the person, at most 123 bytes."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:123].decode(errors="ignore")


async def current_user(scope: dict[str, Any]) -> User | AnonymousUser:
    """Whom the session cookie stands for now; the session in ``scope`` is as it was when the socket opened."""
    engine = import_module(settings.SESSION_ENGINE)
    user: User | AnonymousUser = await get_user({"session": engine.SessionStore(scope["session"].session_key)})
    return user


async def member_of(scope: dict[str, Any], action: str, refusal: str) -> Access:
    """Who asks, in the team of the address, looked up afresh: the sign-in, the membership, the role.

    Raises ``Closing``; ``refusal`` is its sentence for those who may not do ``action``.
    """
    # Late, since tools that speak a socket's protocol read its module without a Django that is set up.
    from dashboard.teams.access import NotAllowedError, NotAMemberError, authorise

    user = await current_user(scope)
    if not user.is_authenticated:
        raise Closing(CloseCode.SIGNED_OUT, "You are signed out.")
    try:
        return await authorise(user, scope["url_route"]["kwargs"]["team"], action)
    except (NotAMemberError, NotAllowedError):
        raise Closing(CloseCode.NOT_ALLOWED, refusal) from None


async def first_of(*loops: Coroutine[Any, Any, NoReturn]) -> NoReturn:
    """Run loops side by side until one raises; cancel the others, wait for them, and raise that."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    done.pop().result()
    raise AssertionError("a socket's loop returned")
