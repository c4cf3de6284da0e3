"""The runs of the driver that the collected tests need, once a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compat import runs

if TYPE_CHECKING:
    from tests.stack import Stack


@pytest.fixture(scope="session")
def reports(request: pytest.FixtureRequest, stack: Stack) -> runs.Reports:
    """What was seen of each release and kind that a collected test asks for; of all for a test of the whole grid."""
    wanted: set[tuple[str, str]] = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "reports" in item.fixturenames:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            if "version" not in parameters:
                return runs.run_all(stack)
            wanted.add((str(parameters["version"]), str(parameters["kind"])))
    return runs.run_all(stack, wanted)
