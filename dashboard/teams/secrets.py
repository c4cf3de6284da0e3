"""A model field whose text is encrypted in the database."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def _cipher() -> Fernet:
    """The cipher whose key is derived from ``SECRET_KEY``, for this purpose only."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"console stored secrets").derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # generic only to the type checker
    """Text that is readable in Python and encrypted in the database. It cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way to the database."""
        if value is None or value == "":
            return value
        return _cipher().encrypt(str(value).encode()).decode("ascii")

    def from_db_value(self, value: str | None, expression: object, connection: BaseDatabaseWrapper) -> str | None:
        """Decrypt on the way back. Raises ``ImproperlyConfigured`` when the secret key is not the one it was."""
        if not value:
            return value
        try:
            return _cipher().decrypt(value.encode("ascii")).decode()
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A stored secret does not open with this secret key: restore the file that "
                "CONSOLE_SECRET_KEY_FILE names, or run `manage.py bootstrap` to store the API key again."
            ) from error
