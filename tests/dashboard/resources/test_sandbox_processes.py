"""What runs in a sandbox now, and ending it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.audit.models import Event
from sandboxcore import AsyncSandbox, ExecutionResult
from tests.dashboard.fake_api import refusal

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace

URL = "/t/blue/sandboxes/alpha/processes/"
STARTED = "2026-01-31T00:00:00.250000Z"


def process(pid: int, **fields: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "ppid": 1,
        "user": "root",
        "state": "S",
        "command": f"program-{pid}",
        "cpu_seconds": 1.0,
        "memory_bytes": 2**20,
        "started_at": STARTED,
        "threads": 1,
        "internal": False,
        **fields,
    }


@pytest.fixture
def ready(fake: FakeApi) -> FakeApi:
    fake.add_sandbox("alpha")
    its = [
        process(1, internal=True, command="init"),
        process(7, cpu_seconds=90.5, memory_bytes=2**30),
        process(9, cpu_seconds=3.25, state="Z"),
        process(12, cpu_seconds=7200, user="bob\u202e", command="<script>alert(1)</script>\x1b[31m" + "x" * 5000),
    ]
    fake.told["processes"] = {"processes": its, "truncated": False}
    return fake


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that were run, all with success; ``ran.append`` before a test is the next one's failure."""
    commands: list[str] = []

    async def run(self: AsyncSandbox, command: str, **options: Any) -> ExecutionResult:
        commands.append(command)
        failed = "7" not in command
        return ExecutionResult(stdout="", stderr="kill: no permission" if failed else "", exit_code=int(failed))

    monkeypatch.setattr(AsyncSandbox, "run", run)
    return commands


def pids(page: str) -> list[int]:
    return [int(pid) for pid in re.findall(r'<tr id="process-(\d+)"', page)]


def test_it_works(cast: Cast, ready: FakeApi) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert pids(page) == [1, 7, 9, 12]
    for shown in ("1 min 30 s", "2 h 0 min", "1.0 GiB", "program-7", "3.25 s", "4 processes"):
        assert shown in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
def test_who_may_see_it(cast: Cast, ready: FakeApi, who: str, status: int) -> None:
    assert cast.client(getattr(cast, who)).get(URL).status_code == status


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("member", 302), ("viewer", 403), ("outsider", 404)])
def test_who_may_end_one(cast: Cast, ready: FakeApi, ran: list[str], who: str, status: int) -> None:
    browser = cast.client(getattr(cast, who))
    assert browser.get(f"{URL}7/end").status_code == (200 if status == 302 else status)
    assert browser.post(f"{URL}7/end", {"started": STARTED}).status_code == status
    assert ran == (["kill -TERM 7"] if status == 302 else [])


def test_a_viewer_is_offered_no_end(cast: Cast, ready: FakeApi) -> None:
    assert f"{URL}7/end" not in cast.client(cast.viewer).get(URL).content.decode()
    page = cast.client(cast.member).get(URL).content.decode()
    assert re.findall(r'href="[^"]*/(\d+)/end"', page) == ["7", "12"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("-cpu", [12, 7, 9, 1]), ("cpu", [1, 9, 7, 12]), ("-memory", [7, 1, 9, 12]), ("command", [12, 1, 7, 9])],
)
def test_it_is_sorted_as_the_address_says(cast: Cast, ready: FakeApi, sort: str, order: list[int]) -> None:
    page = cast.client(cast.viewer).get(URL, {"sort": sort}).content.decode()
    assert pids(page) == order
    assert f'data-live-src="{URL}?sort={sort}"' in page
    assert page.count("aria-sort") == 1


def test_an_order_that_there_is_not_is_by_number(cast: Cast, ready: FakeApi) -> None:
    assert pids(cast.client(cast.viewer).get(URL, {"sort": '"><script>'}).content.decode()) == [1, 7, 9, 12]


def test_hostile_words_are_shown_as_they_are(cast: Cast, ready: FakeApi) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨001B⟩[31m" in page
    assert "bob⟨202E⟩" in page
    assert "x" * 400 not in page


def test_ending_one_is_asked_and_written_down(cast: Cast, ready: FakeApi, ran: list[str]) -> None:
    browser = cast.client(cast.member)
    question = browser.get(f"{URL}7/end").content.decode()
    assert "End process 7?" in question
    assert f'name="started" value="{STARTED}"' in question
    page = browser.post(f"{URL}7/end", {"started": STARTED}, follow=True).content.decode()
    assert "Process 7 was asked to end." in page
    event = Event.objects.get(action="process.signalled")
    assert (event.actor, event.target, event.detail) == (cast.member, "alpha", {"pid": 7, "command": "program-7"})


@pytest.mark.parametrize(
    ("pid", "started"), [(7, "2026-01-31T00:05:00Z"), (7, ""), (8, STARTED), (1, STARTED), (9, STARTED)]
)
def test_no_other_process_is_ended_instead(cast: Cast, ready: FakeApi, ran: list[str], pid: int, started: str) -> None:
    page = cast.client(cast.member).post(f"{URL}{pid}/end", {"started": started}, follow=True).content.decode()
    assert f"Process {pid} was not ended: process {pid} has ended already" in page
    assert not ran
    assert not Event.objects.filter(action="process.signalled").exists()


def test_what_kill_says_is_shown(cast: Cast, ready: FakeApi, ran: list[str]) -> None:
    page = cast.client(cast.member).post(f"{URL}12/end", {"started": STARTED}, follow=True).content.decode()
    assert "Process 12 was not ended: kill: no permission" in page
    assert not Event.objects.filter(action="process.signalled").exists()


@pytest.mark.parametrize("pid", [1, 9, 99])
def test_what_cannot_be_ended_is_said_before(cast: Cast, ready: FakeApi, pid: int) -> None:
    page = cast.client(cast.member).get(f"{URL}{pid}/end").content.decode()
    assert re.search(rf"Process {pid} (cannot be ended|has ended already)\.", page)
    assert "End process</button>" not in page


@pytest.mark.parametrize(
    ("status", "words"), [("provisioning", "It is being made"), ("failed", "It is failed, not ready")]
)
def test_one_that_is_not_ready_says_so(cast: Cast, fake: FakeApi, status: str, words: str) -> None:
    fake.add_sandbox("alpha", status=status, dataplane_url=None)
    assert words in cast.client(cast.viewer).get(URL).content.decode()


def test_what_the_server_refuses_is_shown(cast: Cast, fake: FakeApi) -> None:
    fake.add_sandbox("alpha")
    fake.told["processes"] = refusal(502, "CommandError", "the sandbox does not answer")
    assert "he sandbox does not answer" in cast.client(cast.viewer).get(URL).content.decode()


def test_one_that_is_gone_says_so_on_the_page_that_is_open(cast: Cast) -> None:
    browser = cast.client(cast.viewer)
    assert browser.get(URL).status_code == 404
    part = browser.get(URL, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "not found" in part.content.decode()


def test_one_of_a_real_sandbox_is_ended(cast: Cast, server: Workspace) -> None:
    browser = cast.client(cast.member)
    with server.client() as client:
        client.create_template("python", "host", cpu="250m", memory="64Mi")
        sandbox = client.create_sandbox("python", name="alpha")
        command = sandbox.run("exec sleep 4321", timeout=0, wait=False)
        page = browser.get(URL).content.decode()
        found = re.search(r'<tr id="process-(\d+)"(?:(?!</tr>).)*sleep 4321', page, re.DOTALL)
        assert found is not None
        question = browser.get(f"{URL}{found[1]}/end").content.decode()
        started = re.search(r'name="started" value="([^"]+)"', question)
        assert started is not None
        browser.post(f"{URL}{found[1]}/end", {"started": started[1]})
        assert command.result.exit_code != 0
    assert Event.objects.filter(action="process.signalled", target="alpha").count() == 1
