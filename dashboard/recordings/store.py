"""Where recordings lie. Names are made of ids alone; the folder and its files are the console's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from dashboard.recordings.models import State
from dashboard.recordings.text import Line, found_in, lines_of, read_text, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

    from dashboard.recordings.models import Recording


def folder() -> Path:
    """The folder, made where it is not there yet."""
    path: Path = settings.RECORDINGS_DIR
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def cast_path(recording_id: UUID) -> Path:
    """The recording's file."""
    return folder() / f"{recording_id}.cast"


def text_path(recording_id: UUID) -> Path:
    """What it says, for the search."""
    return folder() / f"{recording_id}.text"


def remove(recording_id: UUID) -> None:
    """Delete a recording's files; nothing where there are none."""
    for path in (cast_path(recording_id), text_path(recording_id), text_path(recording_id).with_suffix(".part")):
        path.unlink(missing_ok=True)


def _lines(recording: Recording) -> Iterator[Line]:
    if recording.state == State.RECORDING:
        return lines_of(cast_path(recording.id))
    path = text_path(recording.id)
    if not path.exists():
        write_text(cast_path(recording.id), path)
    return read_text(path)


def search(recording: Recording, words: str, most: int) -> list[Line]:
    """The first lines with these words; none where the file is gone. Blocks."""
    try:
        return found_in(_lines(recording), words, most)
    except FileNotFoundError:
        return []
