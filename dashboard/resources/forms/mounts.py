"""Rows of a template's form: which volume is mounted where. Rows come and go with and without script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.http import QueryDict

MOST = 16
MAX_TEXT = 1024


@dataclass(frozen=True, slots=True)
class MountRow:
    """One mount as typed, and what is wrong with it."""

    volume: str = ""
    path: str = ""
    error: str = ""


class MountRows:
    """The rows of one form. ``error`` is about all of them, in the API's words."""

    def __init__(self, rows: Iterable[MountRow] = (), *, error: str = "") -> None:
        self.rows = list(rows)[:MOST]
        self.error = error

    @classmethod
    def of(cls, mounts: Sequence[tuple[str, str]]) -> MountRows:
        """Rows that are filled."""
        return cls(MountRow(volume, path) for volume, path in mounts)

    @classmethod
    def sent(cls, data: QueryDict) -> MountRows:
        """The rows of a form that was sent, each with what is wrong with it; empty ones are left out."""
        pairs = zip(data.getlist("mount_volume"), data.getlist("mount_path"), strict=False)
        rows = [MountRow(volume.strip()[:MAX_TEXT], path.strip()[:MAX_TEXT]) for volume, path in pairs]
        removed = data.get("remove_mount", "")
        if removed.isascii() and removed.isdigit() and int(removed) < len(rows):
            del rows[int(removed)]
        rows = [_checked(row, rows) for row in rows if row.volume or row.path]
        return cls([*rows, MountRow()] if "add_mount" in data else rows)

    @property
    def is_valid(self) -> bool:
        """Whether every row can be sent."""
        return not any(row.error for row in self.rows)

    @property
    def wanted(self) -> list[tuple[str, str]]:
        """Pairs of volume and path."""
        return [(row.volume, row.path) for row in self.rows if row.volume and row.path]

    @property
    def has_room(self) -> bool:
        """Whether one more may be added."""
        return len(self.rows) < MOST


def changes_rows(data: QueryDict) -> bool:
    """Whether the form was sent only to add or remove a row."""
    return "add_mount" in data or "remove_mount" in data


def _checked(row: MountRow, rows: Sequence[MountRow]) -> MountRow:
    """The row with what is wrong with it."""
    if not row.volume:
        return MountRow(row.volume, row.path, "Choose a volume, or remove the row.")
    if not row.path.startswith("/"):
        return MountRow(row.volume, row.path, "The path begins with a slash: /data.")
    if sum(each.path.rstrip("/") == row.path.rstrip("/") for each in rows) > 1:
        return MountRow(row.volume, row.path, "Two volumes cannot be mounted at one path.")
    return row
