"""Kubernetes quantities: ``500m``, ``2``, ``1.5``, ``512Mi``, ``1Gi``, ``1e9``."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

from sandboxcore.errors import SandboxError

MAX_LENGTH = 32
"""Longest text that is looked at; every sensible quantity is far shorter."""
_LARGEST = 2**63 - 1
_FORM = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]{1,2}))?"
)
_DECIMAL = {
    suffix: Fraction(10) ** power for suffix, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)
}
_BINARY = {f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)}
_FACTORS = {"": Fraction(1), **_DECIMAL, **_BINARY}


class QuantityError(SandboxError):
    """The text is no quantity, or out of bounds; the message says which."""


def parse(text: str) -> Fraction:
    """The exact value of a quantity, never negative. Raises ``QuantityError``."""
    match = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise QuantityError(f"{text[:MAX_LENGTH]!r} is not a quantity; write it like 500m, 2, 1.5, 512Mi or 1Gi")
    exponent = match["exponent"]
    factor = Fraction(10) ** int(exponent) if exponent else _FACTORS[match["suffix"] or ""]
    value = Fraction(match["number"]) * factor
    if value > _LARGEST:
        raise QuantityError(f"{text!r} is too large")
    return value


def parse_millis(text: str) -> int:
    """A processor share in thousandths of a core, rounded up. Raises ``QuantityError``."""
    millis = ceil(parse(text) * 1000)
    if millis > _LARGEST:
        raise QuantityError(f"{text!r} is too large")
    return millis


def parse_bytes(text: str) -> int:
    """A size in bytes, rounded up. Raises ``QuantityError``."""
    return ceil(parse(text))


def show_millis(millis: int) -> str:
    """A processor share for a person, in cores: ``0.5``, ``4``."""
    return f"{millis / 1000:.3f}".rstrip("0").rstrip(".")


def show_bytes(size: int) -> str:
    """A size for a person, in the largest unit that it fills: ``512Mi``, ``1.5Gi``."""
    power = max((size.bit_length() - 1) // 10, 0)
    power = min(power, len(_BINARY))
    return f"{size / 1024**power:.2f}".rstrip("0").rstrip(".") + ("", *_BINARY)[power]


def bounded(value: int, text: str, *, least: tuple[int, str], most: tuple[int, str]) -> int:
    """``value`` when it lies between two bounds, each a number and its text. Raises ``QuantityError``."""
    if value < least[0]:
        raise QuantityError(f"{text!r} is below the least, {least[1]}")
    if value > most[0]:
        raise QuantityError(f"{text!r} is above the most, {most[1]}")
    return value
