from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from deploy import service as module
from deploy.service import Service, describe_exit, printable, until


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def make(code: str) -> Service:
    return Service("console", python(code), dict(os.environ), Path("/"))


async def running(service: Service) -> None:
    async def started() -> bool:
        return service.process is not None

    assert await until(started, seconds=10, service=service)


async def test_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    service = make("print('hello', flush=True); import time; time.sleep(60)")
    task = asyncio.create_task(service.run())
    shown = ""

    async def said() -> bool:
        nonlocal shown
        shown += capsys.readouterr().out
        return "hello" in shown

    assert await until(said, seconds=10, service=service)
    await service.stop()
    await task
    assert "console | hello" in shown


async def test_a_service_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    service = make("import time; time.sleep(60)")
    task = asyncio.create_task(service.run())
    await running(service)
    assert service.process is not None
    first = service.process.pid
    service.process.send_signal(signal.SIGKILL)

    async def again() -> bool:
        return service.process is not None and service.process.pid != first

    assert await until(again, seconds=10, service=service)
    await service.stop()
    await task


async def test_a_service_deaf_to_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_GRACE", 0.2)
    ready = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    heard: list[str] = []
    monkeypatch.setattr(module, "log", lambda _name, line: heard.append(line))
    service = make(ready)
    task = asyncio.create_task(service.run())

    async def deaf() -> bool:
        return "deaf" in heard

    assert await until(deaf, seconds=10, service=service)
    await service.stop()
    await task
    assert service.process is not None
    assert service.process.returncode == -signal.SIGKILL


async def test_a_line_without_end_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(module, "log", lambda _name, line: heard.append(line))
    service = make("print('x' * 100_000, flush=True); import time; time.sleep(60)")
    task = asyncio.create_task(service.run())

    async def whole() -> bool:
        return sum(line.count("x") for line in heard if set(line) == {"x"}) == 100_000

    assert await until(whole, seconds=10, service=service)
    await service.stop()
    await task
    assert max(map(len, heard)) <= 2 * module.LINE_LIMIT


def test_a_log_line_cannot_drive_the_terminal() -> None:
    assert printable(b"\x1b[2Jgone\x07\r\n") == "\\x1b[2Jgone\\x07"


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit code 0"), (-9, "killed by SIGKILL"), (-77, "killed by signal 77")]
)
def test_exit_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
