"""Services in a sandbox of a real server on the process runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import (  # noqa: F401  # fixtures
    api,
    box,
    clients,
    inside,
    own_sandboxd,
    sandboxd,
    template,
)
from tests.server.gateway.programs import Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.gateway.programs import Program
    from tests.server.running import Sandboxd


@pytest.fixture
def service(sandboxd: Sandboxd, box: dict[str, Any]) -> Callable[..., Awaitable[Service]]:  # noqa: F811
    """Opens a program of a test as a service of a fresh sandbox."""

    async def open_service(program: Program, **options: Any) -> Service:
        return await Service.of(sandboxd, box["name"], program.port, **options)

    return open_service
