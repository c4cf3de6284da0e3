"""Names of templates, volumes, pools and sandboxes, and identifiers."""

from __future__ import annotations

import re
import secrets
import uuid

from sandboxcore.errors import SandboxError

MAX_LENGTH = 63
_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ID_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class InvalidNameError(SandboxError):
    """The text is no valid name; the message says what is."""


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of an identifier."""
    return _ID_FORM.fullmatch(text) is not None


def check_name(text: str) -> str:
    """``text`` when it is a valid name; an identifier's form is refused, since paths take both.

    Raises ``InvalidNameError``.
    """
    if _FORM.fullmatch(text) is None:
        raise InvalidNameError(
            "a name has 1 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit"
        )
    if is_id(text):
        raise InvalidNameError("a name must not look like an identifier")
    return text


def new_id() -> str:
    """A fresh identifier, a UUID."""
    return str(uuid.uuid4())


def new_sandbox_name() -> str:
    """A name for a sandbox whose creator gave none: 40 random bits, free of letters that look alike."""
    return "sandbox-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
