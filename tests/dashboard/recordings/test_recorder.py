"""What is recorded, on a real sandbox server: output and sizes, through restarts and gaps, until its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from dashboard.recordings import recorder as recorder_module
from dashboard.recordings.cast import CastEvent, events
from dashboard.recordings.models import Recording, RecordingPolicy, State
from dashboard.recordings.store import cast_path, search, text_path
from dashboard.recordings.supervisor import Supervisor
from dashboard.terminals.models import TerminalSession
from tests.dashboard.recordings.conftest import started, supervised, until

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.real_server import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def shown(recording: Recording) -> list[CastEvent]:
    path = cast_path(recording.id)
    return list(events(path)) if path.exists() else []


def output(recording: Recording) -> str:
    return "".join(event.data for event in shown(recording) if event.kind == "o")


def marks(recording: Recording) -> list[str]:
    return [event.data for event in shown(recording) if event.kind == "m"]


async def until_shown(recording: Recording, text: str) -> None:
    async def there() -> bool:
        return text in await asyncio.to_thread(output, recording)

    await until(there)


async def until_state(recording: Recording, state: State) -> Recording:
    async def there() -> bool:
        return (await Recording.objects.aget(pk=recording.pk)).state == state

    await until(there)
    return await Recording.objects.aget(pk=recording.pk)


async def test_it_works(cast: Cast, server: Workspace, policy: RecordingPolicy) -> None:
    async with started(cast, server) as (session, handle), supervised():
        recording = await Recording.objects.aget(session=session)
        await handle.send_input("stty -echo; echo one $((40 + 2)) 漢\n")
        await until_shown(recording, "one 42 漢")
        await handle.resize(30, 100)
        await handle.send_input("secret=typed; echo two\n")
        await until_shown(recording, "two")
        await handle.send_input("exit 3\n")
        recording = await until_state(recording, State.ENDED)
    found = shown(recording)
    assert "secret" not in output(recording)
    assert [event.data for event in found if event.kind == "r"] == ["100x30"]
    assert all(one.at <= two.at for one, two in pairwise(found))
    assert {event.kind for event in found} == {"o", "r"}
    assert (recording.person_name, recording.size) == ("member", cast_path(recording.id).stat().st_size)
    assert recording.seconds == pytest.approx(found[-1].at, abs=0.001)
    assert text_path(recording.id).exists()
    assert [line.text for line in search(recording, "ONE 42", 5)][-1] == "one 42 漢"
    assert (await TerminalSession.objects.aget(pk=session.pk)).exit_code == 3


async def test_it_goes_on_where_it_was(
    cast: Cast, server: Workspace, policy: RecordingPolicy, monkeypatch: Any
) -> None:
    monkeypatch.setattr(recorder_module, "AWAY_SECONDS", 0.0)
    async with started(cast, server) as (session, handle):
        async with supervised():
            recording = await Recording.objects.aget(session=session)
            await handle.send_input("echo be''fore\n")
            await until_shown(recording, "before")
        with cast_path(recording.id).open("ab") as file:
            file.write(b'[1.0, "o", "torn')
        await handle.send_input("echo mean''while\n")
        async with supervised():
            await until_shown(recording, "meanwhile")
    text = output(recording)
    assert (text.count("before\r"), text.count("meanwhile\r")) == (1, 1)
    assert "torn" not in text
    assert marks(recording)[0].startswith("The recorder was away for up to")


async def test_what_is_lost_is_told(cast: Cast, server: Workspace, policy: RecordingPolicy) -> None:
    async with started(cast, server) as (session, handle):
        async with supervised():
            recording = await Recording.objects.aget(session=session)
            await handle.send_input("stty -echo; echo be''fore\n")
            await until_shown(recording, "before")
        # More than the shell's buffer holds, while nobody records.
        await handle.send_input("head -c 6000000 /dev/zero | tr '\\0' x; echo; echo fin''ished\n")
        async for chunk in handle:
            if "finished" in chunk.data:
                break
        async with supervised():
            await until_shown(recording, "finished")
            await handle.send_input("echo af''ter\n")
            await until_shown(recording, "after\r")
    gap = next(words for words in marks(recording) if "bytes are missing. It goes on at byte" in words)
    assert int(gap.split()[0]) > 1_000_000
    assert output(recording).count("after\r") == 1


async def test_a_shell_that_was_open_is_recorded_from_now_on(cast: Cast, server: Workspace) -> None:
    async with started(cast, server) as (session, handle):
        await handle.send_input("printf 'ear''lier\\033[?1049h'\n")
        async for chunk in handle:
            if "1049h" in chunk.data and "earlier" in chunk.data:
                break
        await RecordingPolicy.objects.acreate(team=cast.team, enabled=True, since=timezone.now() + timedelta(seconds=1))
        async with supervised():
            recording = await Recording.objects.aget(session=session)
            await until_shown(recording, "1049h")
            await handle.send_input("echo la''ter\n")
            await until_shown(recording, "later")
    assert "earlier" not in output(recording)
    assert marks(recording)[0].startswith("Recording was turned on. It goes on at byte")


async def test_two_consoles_never_record_one_twice(cast: Cast, server: Workspace, policy: RecordingPolicy) -> None:
    async with started(cast, server) as (session, handle):
        async with supervised(), supervised() as second:
            recording = await Recording.objects.aget(session=session)
            await handle.send_input("echo on''ce\n")
            await until_shown(recording, "once")
            await second.look()
        async with supervised():
            await handle.send_input("echo aga''in\n")
            await until_shown(recording, "again")
    assert (output(recording).count("once\r"), output(recording).count("again\r")) == (1, 1)


async def test_a_large_one_is_cut(cast: Cast, server: Workspace, policy: RecordingPolicy) -> None:
    policy.max_mb = 1
    await policy.asave()
    async with started(cast, server, "yes") as (session, _), supervised():
        recording = await until_state(await Recording.objects.aget(session=session), State.CUT)
    assert cast_path(recording.id).stat().st_size <= (1 << 20) + 200
    assert marks(recording) == [recording.reason] == ["The recording was cut: it has 1 MiB, which is the most."]


async def test_turning_it_off_ends_it(cast: Cast, server: Workspace, policy: RecordingPolicy) -> None:
    async with started(cast, server) as (session, handle), supervised() as supervisor:
        recording = await Recording.objects.aget(session=session)
        await handle.send_input("echo be''fore\n")
        await until_shown(recording, "before")
        policy.enabled = False
        await policy.asave()
        await supervisor.close()
        await Supervisor().look()  # another process, which has not written it
        assert (await Recording.objects.aget(pk=recording.pk)).state == State.ENDED
        await handle.send_input("echo af''ter\n")
        await supervisor.look()
    assert marks(recording) == ["Recording was turned off."]
    assert "after\r" not in output(recording)


async def test_it_ends_with_its_sandbox(cast: Cast, server: Workspace, policy: RecordingPolicy) -> None:
    async with started(cast, server) as (session, handle), supervised():
        recording = await Recording.objects.aget(session=session)
        await handle.send_input("echo on''ce\n")
        await until_shown(recording, "once")
        async with server.async_client() as client:
            await client.delete_sandbox("box")
        recording = await until_state(recording, State.ENDED)
    assert recording.ended_at is not None
    assert "once\r" in output(recording)
