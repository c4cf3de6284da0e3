"""Fixtures for every folder: one running installation for all tests that need the real thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is no reason to fail.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole product, started as the README says, with the machine's best runtime."""
    with Stack.new(SANDBOXD_READINGS_INTERVAL="1") as stack:
        yield stack
