"""What runs and listens inside a sandbox, asked through its shim of a helper that is one of its own processes.

The programs there can make the helper say anything, so each of its words is checked for its type and bounded in its
size before it goes on, and all of them together in number and in time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError
from sandboxcore.server.clock import iso
from sandboxcore.server.dataplane.files import file_error
from sandboxcore.server.dataplane.shim_client import ShimUnreachableError, connected
from sandboxcore.server.errors import UnreachableError
from sandboxcore.shim.wire import FrameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandboxcore.server.core import Core
    from sandboxcore.server.dataplane.target import Target

ANSWER_SECONDS = 10.0
MOST_MESSAGES = 100
MOST_COMMAND = 1024
MOST_NUMBER = 1 << 53
"""The largest whole number that every client reads exactly."""
LATEST = 253402300799.0
"""The end of the year 9999."""


class NonsenseError(SandboxError):
    """What came from inside the sandbox is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Question:
    """What can be asked: the shim's word for it, how many answers are taken, and how one is read."""

    op: str
    most: int
    read: Callable[[Mapping[str, Any]], dict[str, Any]]


async def look(core: Core, target: Target, question: Question) -> dict[str, Any]:
    """The answer as the API gives it. Raises ``ApiError``."""
    with core.streams.admitted(target):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await _ask(target.shim_socket, question)
        except TimeoutError:
            message = f"the sandbox did not say within {ANSWER_SECONDS:.0f} s what it was asked; it may be very busy"
            raise UnreachableError(message) from None
        except ShimUnreachableError as error:
            raise UnreachableError(str(error)) from None
        except (NonsenseError, FrameError) as error:
            raise UnreachableError(f"the sandbox answered with nonsense: {error}") from None


async def _ask(socket_path: str, question: Question) -> dict[str, Any]:
    """Raises ``ShimUnreachableError``, ``NonsenseError``, ``FrameError``, or ``ApiError`` for what the shim refuses."""
    found: list[dict[str, Any]] = []
    async with connected(socket_path) as shim:
        await shim.send({"op": question.op})
        for _ in range(MOST_MESSAGES):
            message = await shim.receive_control()
            kind = message.get("type")
            if kind == "error":
                raise file_error({"error_type": "ReadError", "error": text(message.get("error"), 500)}, "ReadError")
            if kind == "end":
                too_many = len(found) > question.most
                return {question.op: found[: question.most], "truncated": too_many or message.get("truncated") is True}
            entries = message.get(question.op)
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise NonsenseError(f"there are no {question.op} in it")
            found += [question.read(entry) for entry in entries[: question.most + 1 - len(found)]]
    raise NonsenseError("it has no end")


def _process(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pid": number(entry.get("pid")),
        "ppid": number(entry.get("ppid")),
        "user": text(entry.get("user"), 32),
        "state": text(entry.get("state"), 1),
        "command": text(entry.get("command"), MOST_COMMAND),
        "cpu_seconds": round(seconds(entry.get("cpu_seconds"), MOST_NUMBER), 3),
        "memory_bytes": number(entry.get("memory_bytes")),
        "started_at": iso(seconds(entry.get("started_at"), LATEST)),
        "threads": number(entry.get("threads")),
        "internal": entry.get("internal") is True,
    }


def _port(entry: Mapping[str, Any]) -> dict[str, Any]:
    pid, command = entry.get("pid"), entry.get("command")
    return {
        "port": number(entry.get("port"), 65535),
        "address": text(entry.get("address"), 64),
        "pid": None if pid is None else number(pid),
        "command": None if command is None else text(command, MOST_COMMAND),
    }


def text(value: object, most: int) -> str:
    """A text cut to so many characters, in which nothing is left that no UTF-8 can say. Raises ``NonsenseError``."""
    if not isinstance(value, str):
        raise NonsenseError("a text is missing")
    return value[:most].encode("utf-8", "replace").decode()


def number(value: object, most: int = MOST_NUMBER) -> int:
    """A whole number from 0. Raises ``NonsenseError``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise NonsenseError("a number is missing or out of range")
    return value


def seconds(value: object, most: float) -> float:
    """A finite number from 0. Raises ``NonsenseError``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise NonsenseError("a number of seconds is missing or out of range")
    return float(value)


PROCESSES = Question("processes", 2000, _process)
PORTS = Question("ports", 1000, _port)
