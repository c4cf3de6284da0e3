"""What listens in a sandbox, and showing it in a browser."""

from __future__ import annotations

import re
import shlex
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dashboard.audit.models import Event
from sandboxcore.cli.main import parser
from tests.dashboard.fake_api import refusal
from tests.server.running import until
from tests.stack import free_port

if TYPE_CHECKING:
    from tests.dashboard.conftest import Cast
    from tests.dashboard.fake_api import FakeApi
    from tests.dashboard.real_server import Workspace

URL = "/t/blue/sandboxes/alpha/ports/"
PREVIEW = "http://id-alpha-8000.services.test:9000/?token=t"


def port(number: int, address: str, **fields: Any) -> dict[str, Any]:
    return {"port": number, "address": address, "pid": 7, "command": "server", **fields}


@pytest.fixture
def ready(fake: FakeApi) -> FakeApi:
    fake.add_sandbox("alpha")
    its = [
        port(8000, "0.0.0.0", command="<b>python3</b>\x1b"),  # noqa: S104 - told, not listened on
        port(8000, "::", command="<b>python3</b>\x1b"),
        port(5432, "127.0.0.1", pid=None, command=None),
        port(9000, "10.0.0.2"),
    ]
    fake.told["ports"] = {"ports": its, "truncated": False}
    fake.told["service-url"] = {
        "browser_url": PREVIEW,
        "service_url": "http://id-alpha-8000.services.test:9000/",
        "token": "t",
        "expires_at": "2026-01-31T00:00:00Z",
    }
    return fake


def test_it_works(cast: Cast, ready: FakeApi) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert re.findall(r'name="port" value="(\d+)"', page) == ["5432", "8000"]
    assert "0.0.0.0, ::" in page
    assert "&lt;b&gt;python3&lt;/b&gt;⟨001B⟩" in page
    assert "<b>python3" not in page


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 200), ("outsider", 404)])
@pytest.mark.parametrize("page", ["", "8000/tunnel"])
def test_who_may_see_it(cast: Cast, ready: FakeApi, who: str, status: int, page: str) -> None:
    assert cast.client(getattr(cast, who)).get(URL + page).status_code == status


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("member", 200), ("viewer", 403), ("outsider", 404)])
def test_who_may_open_a_preview(cast: Cast, ready: FakeApi, who: str, status: int) -> None:
    answer = cast.client(getattr(cast, who)).post(f"{URL}open", {"port": "8000", "seconds": "600"})
    assert answer.status_code == status
    assert Event.objects.filter(action="service.opened").exists() is (status == 200)


def test_a_viewer_is_offered_no_preview(cast: Cast, ready: FakeApi) -> None:
    page = cast.client(cast.viewer).get(URL).content.decode()
    assert "Preview" not in page
    assert f"{URL}8000/tunnel" in page


def test_a_port_that_cannot_be_reached_says_why(cast: Cast, ready: FakeApi) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    assert "Let the program listen there" in page
    assert f"{URL}9000/tunnel" not in page


def test_a_preview_leads_the_new_tab_to_the_services_origin(cast: Cast, ready: FakeApi) -> None:
    answer = cast.client(cast.member).post(f"{URL}open", {"port": "8000", "seconds": "28800"})
    assert answer.headers["Refresh"] == f"0; url={PREVIEW}"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    event = Event.objects.get(action="service.opened")
    assert (event.actor, event.target, event.detail) == (cast.member, "alpha", {"port": 8000, "seconds": 28800})


def test_it_opens_in_a_tab_that_knows_nothing_of_this_one(cast: Cast, ready: FakeApi) -> None:
    page = cast.client(cast.member).get(URL).content.decode()
    found = re.search(r'<form id="preview"[^>]*>', page)
    assert found is not None
    assert 'target="_blank"' in found[0]
    assert 'rel="noopener"' in found[0]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "//elsewhere", "", "http:x\r\nSet-Cookie: a=b"])
def test_an_address_that_is_none_leads_nowhere(cast: Cast, ready: FakeApi, address: str) -> None:
    ready.told["service-url"] |= {"browser_url": address}
    answer = cast.client(cast.member).post(f"{URL}open", {"port": "8000", "seconds": "600"})
    assert "Refresh" not in answer.headers
    assert "no address that a browser can open" in answer.content.decode()


@pytest.mark.parametrize(("number", "seconds"), [("0", "600"), ("70000", "600"), ("8000", "7"), ("x", "600"), ("", "")])
def test_what_nobody_offered_is_refused(cast: Cast, ready: FakeApi, number: str, seconds: str) -> None:
    answer = cast.client(cast.member).post(f"{URL}open", {"port": number, "seconds": seconds})
    assert answer.status_code == 400
    assert not Event.objects.filter(action="service.opened").exists()


def test_opening_needs_a_post(cast: Cast, ready: FakeApi) -> None:
    assert cast.client(cast.member).get(f"{URL}open").status_code == 405


def test_what_the_server_refuses_is_shown(cast: Cast, ready: FakeApi) -> None:
    ready.told["ports"] = refusal(502, "CommandError", "the sandbox does not answer")
    ready.told["service-url"] = refusal(409, "NotReady", "there are no services here")
    browser = cast.client(cast.member)
    assert "he sandbox does not answer" in browser.get(URL).content.decode()
    answer = browser.post(f"{URL}open", {"port": "8000", "seconds": "600"})
    assert "here are no services here" in answer.content.decode()
    assert not Event.objects.filter(action="service.opened").exists()


@pytest.mark.parametrize(("number", "outside"), [(8000, 8000), (80, 8080)])
def test_a_tunnel_is_there_to_copy(cast: Cast, ready: FakeApi, number: int, outside: int) -> None:
    page = unescape(cast.client(cast.viewer).get(f"{URL}{number}/tunnel").content.decode())
    assert f"remote_port={number}, local_port={outside}" in page
    line = re.search(r"^sandbox (tunnel .*?)(?:<|$)", page, re.MULTILINE)
    assert line is not None
    asked = parser().parse_args(shlex.split(line[1]))
    assert (asked.name, asked.port) == ("alpha", (number, outside))


@pytest.mark.parametrize(
    ("status", "words"), [("provisioning", "It is being made"), ("failed", "It is failed, not ready")]
)
def test_one_that_is_not_ready_says_so(cast: Cast, fake: FakeApi, status: str, words: str) -> None:
    fake.add_sandbox("alpha", status=status, dataplane_url=None)
    assert words in cast.client(cast.viewer).get(URL).content.decode()


def test_one_that_is_gone_says_so_on_the_page_that_is_open(cast: Cast) -> None:
    browser = cast.client(cast.viewer)
    assert browser.get(URL).status_code == 404
    part = browser.get(URL, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "not found" in part.content.decode()


def test_a_preview_of_a_real_sandbox_shows_what_listens(cast: Cast, server: Workspace) -> None:
    number = free_port()
    browser = cast.client(cast.member)
    with server.client() as client:
        client.create_template("python", "host", cpu="250m", memory="64Mi")
        sandbox = client.create_sandbox("python", name="alpha")
        sandbox.write("index.html", "<h1>From inside</h1>")
        sandbox.run(f"exec python3 -m http.server {number} --bind 127.0.0.1", timeout=0, wait=False)
        until(lambda: f'value="{number}"' in browser.get(URL).content.decode())
        answer = browser.post(f"{URL}open", {"port": str(number), "seconds": "600"})
        address = httpx.URL(answer.headers["Refresh"].removeprefix("0; url="))
        # Names below localhost are known to browsers alone.
        here, host = address.copy_with(host="127.0.0.1"), {"Host": address.netloc.decode()}
        with httpx.Client(headers=host) as browser_outside:
            asked = browser_outside.get(here)
            shown = asked if not asked.has_redirect_location else browser_outside.get(here.join("/"), headers=host)
        assert "From inside" in shown.text
        client.delete_sandbox("alpha")


@pytest.mark.parametrize("number", ["0", "65536", "99999999999999999999"])
def test_there_is_no_tunnel_to_what_is_no_port(cast: Cast, ready: FakeApi, number: str) -> None:
    assert cast.client(cast.owner).get(f"{URL}{number}/tunnel").status_code == 404
