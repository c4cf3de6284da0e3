"""What a chart shows; ``templates/charts/_chart.html`` is its place on a page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

Unit = Literal["cpu", "bytes", "rate", "count"]
"""How its numbers are written: thousandths of a CPU, bytes, bytes a second, whole things."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``key`` is its column in the readings."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What is marked where its column is above 0: a cross at a moment, or a bar along a step.

    ``told`` begins the sentence that counts it; ``label`` names it in the legend.
    """

    key: str
    label: str
    told: str
    shape: Literal["cross", "bar"]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart; ``limit`` is the key of the limit that is drawn in."""

    key: str
    title: str
    unit: Unit
    series: tuple[Line, ...]
    limit: str | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def keys(self) -> list[str]:
        """The columns that it draws."""
        return [line.key for line in self.series] + [mark.key for mark in self.marks]

    @property
    def spec(self) -> str:
        """What the script is told, as JSON."""
        return json.dumps(asdict(self))
