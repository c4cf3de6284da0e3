"""An environment of its own for each release of the published client, made once and kept between runs.

Environments live in ``$XDG_CACHE_HOME/sandbox-console/compat`` (``~/.cache`` if unset), one folder a release and
Python. A folder appears by a rename when it is complete, so two runs at once do no harm. ``installed.txt`` in it names
every package in its exact version; removing the folder makes it anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSIONS = ("0.7.10", "0.7.17", "0.7.20", "0.7.25", "0.7.30", "0.7.33")
"""The first and last release of the dialect, and those between that brought something."""

_RECORD = "installed.txt"
_AT_ONCE = 3
_WITHIN = 240


def prepare(versions: Sequence[str] = VERSIONS, cache: Path | None = None) -> dict[str, Path]:
    """The Python of each release's environment, made where missing. Raises ``RuntimeError`` with pip's words."""
    folder = cache or cache_folder()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(versions, pool.map(lambda version: _prepare_one(version, folder), versions), strict=True))


def cache_folder() -> Path:
    """Where environments are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sandbox-console" / "compat"


def installed(python: Path) -> dict[str, str]:
    """The packages of an environment and their exact versions."""
    lines = (python.parent.parent / _RECORD).read_text().splitlines()
    return dict(line.split("==", 1) for line in lines)


def _prepare_one(version: str, folder: Path) -> Path:
    final = folder / f"{version}-{sys.implementation.cache_tag}"
    python = final / "bin" / "python"
    if (final / _RECORD).exists() and python.exists():
        return python
    folder.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=folder))
    try:
        _build(version, building)
        _publish(building, final)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return python


def _build(version: str, into: Path) -> None:
    venv.create(into, with_pip=False, symlinks=True)
    python = into / "bin" / "python"
    _pip(python, "install", "--no-compile", "--no-warn-script-location", f"langsmith[sandbox]=={version}")
    (into / _RECORD).write_text(_pip(python, "freeze", "--all"))


def _pip(python: Path, *arguments: str) -> str:
    """What the running Python's pip prints for another environment."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=_WITHIN)
    if done.returncode:
        raise RuntimeError(f"pip could not {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _publish(building: Path, final: Path) -> None:
    """Put a complete environment in its place; one that another run put there first is kept."""
    if final.exists() and not ((final / _RECORD).exists() and (final / "bin" / "python").exists()):
        # What stands there lost its Python (an upgrade of the machine): it can be of use to nobody.
        shutil.rmtree(final, ignore_errors=True)
    try:
        building.rename(final)
    except OSError:
        if not (final / _RECORD).exists():
            raise
