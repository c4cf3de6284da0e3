"""Which public methods really ran, seen by the interpreter's profile hook: the client itself is not touched."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, FrameType

_OWN = __name__.rpartition(".")[0]


class Watch:
    """Notes each watched method that the driver's own code calls; calls of the client to itself do not count."""

    def __init__(self, watched: Mapping[str, CodeType]) -> None:
        self._names = {code: name for name, code in watched.items()}

    @contextmanager
    def calls(self) -> Iterator[set[str]]:
        """The methods called within, in this thread and in threads that begin within."""
        seen: set[str] = set()

        def hook(frame: FrameType, event: str, _argument: Any) -> None:
            if event == "call" and frame.f_code in self._names and _from_driver(frame.f_back):
                seen.add(self._names[frame.f_code])

        threading.setprofile(hook)
        sys.setprofile(hook)
        try:
            yield seen
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def _from_driver(caller: FrameType | None) -> bool:
    """Whether the call came from the driver, directly or through the standard library."""
    while caller is not None:
        module = str(caller.f_globals.get("__name__"))
        if module.startswith(_OWN):
            return True
        if module.startswith("langsmith"):
            return False
        caller = caller.f_back
    return False
