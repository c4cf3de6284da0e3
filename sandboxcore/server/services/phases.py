"""Where the time of a start went."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Way:
    """When the runtime was asked for a sandbox, and when it had made it, in seconds since the epoch."""

    asked_at: float
    made_at: float

    def phases(self, wanted_at: float, ready_at: float) -> list[dict[str, object]]:
        """What ``sandbox.ready`` tells of a sandbox that was wanted and became ready at these moments.

        ``waiting`` for its turn, ``making`` by the runtime, ``reaching`` it and writing down that it is ready. A start
        that another server had begun counts as waiting until this one took it over.
        """
        moments = (wanted_at, self.asked_at, self.made_at, ready_at)
        names = ("waiting", "making", "reaching")
        return [
            {"name": name, "seconds": round(max(0.0, end - begin), 4)}
            for name, begin, end in zip(names, moments, moments[1:], strict=False)
        ]
