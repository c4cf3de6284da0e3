"""Turning a database's refusal of a duplicate into the API's answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from sandboxcore.server.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unique_name(what: str, name: str) -> Iterator[None]:
    """Raise ``ConflictError`` where the block writes a name that its workspace already has."""
    try:
        yield
    except IntegrityError as error:
        if "name" not in str(error.orig):
            raise
        raise name_taken(what, name) from None


def name_taken(what: str, name: str) -> ConflictError:
    """The answer for a name that is taken."""
    return ConflictError("AlreadyExists", f"there is already a {what} '{name}' in this workspace")
