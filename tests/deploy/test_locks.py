"""The lock files hold every package that pyproject.toml names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("runtime", {"server", "console", "docker", "kubernetes"}), ("dev", set(PROJECT["optional-dependencies"]))],
)
def test_it_works(lock: str, extras: set[str]) -> None:
    locked = dict(
        re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "requirements" / f"{lock}.lock").read_text(), re.MULTILINE)
    )
    versions = {canonicalize_name(name): version for name, version in locked.items()}
    named = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    wanted = [Requirement(line) for line in named]
    missing = [
        f"{each}: {versions.get(canonicalize_name(each.name), 'not locked')}"
        for each in wanted
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]
    assert not missing, "run deploy/locks"
