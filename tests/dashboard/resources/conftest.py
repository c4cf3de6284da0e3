"""A real sandbox server whose sandboxes and volumes are files: what the process runtime has not, made in a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard import real_server
from tests.server.hammer.folder import FolderSandboxd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dashboard.conftest import Cast


@pytest.fixture(scope="session")
def folder_process() -> Iterator[FolderSandboxd]:
    """A sandbox server that the tests of a run share."""
    process = FolderSandboxd()
    process.start()
    yield process
    process.close()


@pytest.fixture
def folder_server(
    cast: Cast, folder_process: FolderSandboxd, monkeypatch: pytest.MonkeyPatch
) -> Iterator[real_server.Workspace]:
    """A workspace of its own on that server: it is the team's."""
    with real_server.workspace_of(cast.team, folder_process, monkeypatch) as workspace:
        yield workspace
