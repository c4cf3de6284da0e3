"""A team that records, with a shell in a real sandbox."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from dashboard.recordings.models import Recording, RecordingPolicy
from dashboard.recordings.supervisor import Supervisor
from dashboard.terminals.models import TerminalSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sandboxcore import AsyncCommandHandle
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace

WITHIN = 20.0


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = tmp_path / "recordings"


@pytest.fixture
def policy(cast: Cast) -> RecordingPolicy:
    """Recording is on."""
    return RecordingPolicy.objects.create(team=cast.team, enabled=True, since=timezone.now())


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what the database or a file says."""
    async with asyncio.timeout(WITHIN):
        while not await condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def started(cast: Cast, server: Workspace, command: str = "") -> AsyncIterator[tuple[TerminalSession, Any]]:
    """A shell, in a sandbox of its own, and who types there."""
    async with server.async_client() as client:
        await client.create_template("small", image="host")
        sandbox = await client.create_sandbox(template_name="small", name="box")
        session = await TerminalSession.objects.acreate(
            team=cast.team, sandbox_id=sandbox.id or "", sandbox_name="box", created_by=cast.member
        )
        handle = await open_shell(sandbox, session, command)
        try:
            yield session, handle
        finally:
            await handle.close()


async def open_shell(sandbox: Any, session: TerminalSession, command: str = "") -> AsyncCommandHandle:
    handle: AsyncCommandHandle = await sandbox.run(  # noqa: S604 - a constant, run in the sandbox
        command or "exec /bin/sh -i",
        shell="/bin/sh",
        pty=True,
        rows=24,
        cols=80,
        command_id=str(session.id),
        wait=False,
        timeout=0,
        idle_timeout=-1,
        env={"PS1": "$ "},
    )
    session.started_at = timezone.now()
    await session.asave()
    return handle


@asynccontextmanager
async def supervised() -> AsyncIterator[Supervisor]:
    """A console's process, as far as recordings go."""
    supervisor = Supervisor()
    await supervisor.look()
    try:
        yield supervisor
    finally:
        await supervisor.close()


def fresh(recording: Recording) -> Recording:
    """As the database has it."""
    return Recording.objects.get(pk=recording.pk)
