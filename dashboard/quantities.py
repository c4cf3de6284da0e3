"""Quantities as Kubernetes writes them: ``500m`` of a core, ``1Gi`` of bytes. Read to be echoed and to be counted.

What is sent to the server is what the person typed; it reads quantities for itself.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

MAX_LENGTH = 32
_LARGEST = 2**63 - 1
_FORM = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]{1,2}))?",
    re.ASCII,
)
_FACTORS = {
    "": Fraction(1),
    **{unit: Fraction(10) ** power for unit, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)},
    **{f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class QuantityError(ValueError):
    """The text is no quantity; the message says what one looks like."""


def _parse(text: str, example: str) -> Fraction:
    match = _FORM.fullmatch(text.strip()) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise QuantityError(f"This is no quantity. Write it like {example}.")
    exponent = match["exponent"]
    value = Fraction(match["number"]) * (Fraction(10) ** int(exponent) if exponent else _FACTORS[match["suffix"] or ""])
    if not 0 < value <= _LARGEST:
        raise QuantityError("This is too large." if value else "This must be more than nothing.")
    return value


def parse_cpu(text: str) -> int:
    """Thousandths of a core, rounded up. Raises ``QuantityError``."""
    return ceil(_parse(text, "500m, 1 or 1.5") * 1000)


def parse_bytes(text: str) -> int:
    """A number of bytes, rounded up. Raises ``QuantityError``."""
    return ceil(_parse(text, "512Mi, 1Gi or 1.5Gi"))


def _digits(value: float, places: int) -> str:
    return f"{value:,.{places}f}".rstrip("0").rstrip(".") if places else f"{value:,.0f}"


def tell_cpu(millis: int) -> str:
    """Thousandths of a core for a person: ``0.5 cores``, ``1 core``."""
    return f"{_digits(millis / 1000, 3)} {'core' if millis == 1000 else 'cores'}"


def tell_bytes(size: int) -> str:
    """A size for a person, in the largest unit that it fills: ``512 MiB``, ``1.5 GiB``."""
    power = 0
    while power < len(_UNITS) - 1 and size >= 1024 ** (power + 1):
        power += 1
    return f"{_digits(size / 1024**power, 2 if power else 0)} {_UNITS[power]}"
