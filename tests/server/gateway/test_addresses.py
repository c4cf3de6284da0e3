"""What an address means."""

from __future__ import annotations

import pytest

from sandboxcore.server.config import Settings
from sandboxcore.server.gateway.addresses import Addresses, label_of

LABEL = "3000-" + "0123456789abcdef" * 2
ID = "01234567-89ab-cdef-0123-456789abcdef"


def addresses(**settings: str) -> Addresses:
    return Addresses(Settings.load({f"SANDBOXD_SERVICE_{name.upper()}": value for name, value in settings.items()}))


def test_a_label_is_one_name_of_dns() -> None:
    assert label_of(ID, 3000) == LABEL
    assert len(label_of(ID, 65535)) <= 63


@pytest.mark.parametrize(
    ("settings", "browsers", "programs"),
    [
        ({}, f"http://{LABEL}.localhost:8002", f"http://box:8002/{LABEL}"),
        ({"port": "9"}, f"http://{LABEL}.localhost:9", f"http://box:9/{LABEL}"),
        ({"domain": "Svc.Example"}, f"http://{LABEL}.svc.example:8002", f"http://box:8002/{LABEL}"),
        ({"public_url": "https://s.example/"}, f"https://{LABEL}.s.example", f"https://s.example/{LABEL}"),
        (
            {"public_url": "https://s.example:8443"},
            f"https://{LABEL}.s.example:8443",
            f"https://s.example:8443/{LABEL}",
        ),
        (
            {"public_url": "https://programs.example", "domain": "svc.example"},
            f"https://{LABEL}.svc.example",
            f"https://programs.example/{LABEL}",
        ),
    ],
)
def test_addresses_by_settings(settings: dict[str, str], browsers: str, programs: str) -> None:
    made = addresses(**settings)
    assert made.for_browsers(LABEL) == browsers
    assert made.for_programs(LABEL, "box:8001") == programs


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (f"{LABEL}.localhost:8002", b"/a/b", ("/a/b", "")),
        (f"{LABEL}.LOCALHOST", b"/", ("/", "")),
        (f"{LABEL}.localhost", f"/{LABEL}/x".encode(), (f"/{LABEL}/x", "")),
        ("127.0.0.1:8002", f"/{LABEL}/a%2F?".encode(), ("/a%2F?", f"/{LABEL}")),
        ("[::1]:8002", f"/{LABEL}".encode(), ("/", f"/{LABEL}")),
        (f"{LABEL}.evil.example", f"/{LABEL}/".encode(), ("/", f"/{LABEL}")),
    ],
)
def test_what_names_a_service(host: str, path: bytes, expected: tuple[str, str]) -> None:
    place = addresses().read(host, path)
    assert place is not None
    assert (place.path.decode(), place.prefix) == expected
    assert place.label == LABEL
    assert place.has_own_origin is (not place.prefix)
    assert place.origin == f"http://{host.lower()}"


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("localhost", b"/"),
        (f"{LABEL}.evil.example", b"/"),
        (f"x.{LABEL}.localhost", b"/"),
        (f"{LABEL}x.localhost", b"/"),
        (f"0{LABEL}.localhost", b"/"),
        (f"{LABEL}.localhost@evil.example", b"/"),
        (f"{LABEL}.localhost/", b"/"),
        (f"{LABEL}.localhost:8002 x", b"/"),
        ("", b"/"),
        ("127.0.0.1", f"/{LABEL}x/".encode()),
        ("127.0.0.1", f"//{LABEL}/".encode()),
        ("127.0.0.1", f"/%33000-{LABEL[5:]}/".encode()),
        ("127.0.0.1", b"/\xff"),
    ],
)
def test_what_names_none(host: str, path: bytes) -> None:
    assert addresses().read(host, path) is None
