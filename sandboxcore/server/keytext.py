"""The text of API keys: its forms, making one, and what of it is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

WORKSPACE_PREFIX = "sbx"
ADMIN_PREFIX = "sbxa"
MOST_LOGGED = 500
"""Characters of a text from outside in one line of the log."""
_FORM = re.compile(r"(?P<prefix>sbxa?)_(?P<public_id>[a-z0-9]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_ANYWHERE = re.compile(r"(sbx[a-z]?_)[A-Za-z0-9_-]{20,}")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as somebody sent it: well formed, and not yet believed."""

    prefix: str
    public_id: str
    digest: str
    """SHA-256 of its secret."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the only moment when its text exists."""

    public_id: str
    text: str
    secret_sha256: str

    def __repr__(self) -> str:
        """Without the text, which no log may hold."""
        return f"NewKey({self.public_id})"


def new_key(prefix: str = WORKSPACE_PREFIX) -> NewKey:
    """A fresh key with 256 random bits."""
    public_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    return NewKey(public_id, f"{prefix}_{public_id}_{secret}", digest_of(secret))


def parse(text: str) -> KeyText | None:
    """The parts of a key, or None where ``text`` has no key's form."""
    match = _FORM.fullmatch(text)
    return None if match is None else KeyText(match["prefix"], match["public_id"], digest_of(match["secret"]))


def digest_of(secret: str) -> str:
    """What is kept of a secret. It is 256 random bits, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode()).hexdigest()


def masked(text: str) -> str:
    """``text`` for one line of the log: cut, without what forges lines, and without keys, which clients misplace."""
    shown = text if len(text) <= MOST_LOGGED else text[:MOST_LOGGED] + "…"
    printable = shown if shown.isprintable() else "".join(each if each.isprintable() else "�" for each in shown)
    return _ANYWHERE.sub(r"\1…", printable)
