"""Reads the console's settings from environment variables, strictly.

Every setting is declared once, with its default and a line of help, in ``dashboard.settings``; the
documentation is checked against these declarations. A variable that begins with ``CONSOLE_`` and is not
declared is refused, so that a misspelt setting never falls back to its default in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "CONSOLE_"
MIN_SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting, as the documentation shows it."""

    name: str
    default: str
    help: str


class Environment:
    """The variables of one process, read through declarations. Raises ``ImproperlyConfigured`` on a bad value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.declared: dict[str, Setting] = {}

    def text(self, name: str, default: str, help: str) -> str:  # noqa: A002
        """A string."""
        self.declared[name] = Setting(name, default, help)
        return self._variables.get(name, default).strip()

    def number(self, name: str, default: int, help: str, *, low: int, high: int) -> int:  # noqa: A002
        """A whole number from ``low`` to ``high``."""
        raw = self.text(name, str(default), help)
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}, not {raw!r}.")
        return int(raw)

    def flag(self, name: str, default: bool, help: str) -> bool:  # noqa: A002
        """``true`` or ``false``."""
        raw = self.text(name, str(default).lower(), help).lower()
        if raw not in {"true", "false"}:
            raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}.")
        return raw == "true"

    def words(self, name: str, default: str, help: str) -> list[str]:  # noqa: A002
        """A list whose items are separated by commas."""
        return [word.strip() for word in self.text(name, default, help).split(",") if word.strip()]

    def path(self, name: str, default: Path, help: str, *, shown: str) -> Path:  # noqa: A002
        """An absolute path; ``shown`` is the default as the documentation writes it."""
        raw = self.text(name, str(default), help)
        self.declared[name] = Setting(name, shown, help)
        return Path(raw).absolute()

    def secret_file(self, name: str, default: Path, help: str, *, shown: str) -> tuple[Path, str]:  # noqa: A002
        """A file that holds a secret: its path and what it holds, ``""`` while the file does not exist yet."""
        path = self.path(name, default, help, shown=shown)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return path, ""
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}: cannot read {path}: {error}") from error
        if len(secret) < MIN_SECRET_LENGTH:
            raise ImproperlyConfigured(f"{name}: {path} holds fewer than {MIN_SECRET_LENGTH} characters.")
        return path, secret

    def refuse_unknown(self) -> None:
        """Raise if a variable of the console's is set that no declaration names. Call after all declarations."""
        unknown = sorted(name for name in self._variables if name.startswith(PREFIX) and name not in self.declared)
        if unknown:
            raise ImproperlyConfigured(
                f"Unknown setting {', '.join(unknown)}. Known: {', '.join(sorted(self.declared))}."
            )


def database(url: str) -> dict[str, object]:
    """Django's settings of the database that ``url`` names: ``sqlite:///path`` or ``postgresql://…``."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path.removeprefix("/")),
            "OPTIONS": {
                "timeout": 20,
                # Readers never wait for a writer (WAL); a writer queues at its start instead of failing halfway.
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.removeprefix("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
        }
    raise ImproperlyConfigured(
        f"CONSOLE_DATABASE_URL must begin with sqlite:/// or postgresql://, not {parts.scheme or 'nothing'}."
    )
