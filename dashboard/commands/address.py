"""Commands in addresses: their identifiers are their starters' words, a slash and ``..`` too."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

_PLAIN = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z_.:-]*")
MARK = "~"


class CommandIdConverter:
    """An identifier as it is where it fits into an address, else ``~`` and its bytes in base64."""

    regex: str = f"{_PLAIN.pattern}|{MARK}[0-9A-Za-z_-]*"

    def to_python(self, value: str) -> str:
        """The identifier. Raises ``ValueError``, which is an address that does not exist."""
        if not value.startswith(MARK):
            return value
        text = value.removeprefix(MARK)
        try:
            return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except binascii.Error as error:
            raise ValueError(str(error)) from None

    def to_url(self, value: str) -> str:
        """Its part of an address."""
        if _PLAIN.fullmatch(value):
            return value
        return MARK + urlsafe_b64encode(value.encode(errors="replace")).decode().rstrip("=")
