"""The API's description and its page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.server.running import Sandboxd


async def test_the_page_needs_nothing_from_elsewhere(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]
) -> None:
    client = clients(sandboxd, "")
    page = await client.get(f"{sandboxd.origin}/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 3
    for address in addresses:
        assert address.startswith("/")
        assert (await client.get(sandboxd.origin + address)).status_code == 200
    assert "<script>" not in page.text


async def test_every_route_is_described_with_its_errors(
    sandboxd: Sandboxd, clients: Callable[..., httpx.AsyncClient]
) -> None:
    document = (await clients(sandboxd, "").get(f"{sandboxd.origin}/openapi.json")).json()
    operations = {
        f"{method.upper()} {path.removeprefix('/v2/sandboxes')}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    expected = {
        "POST /boxes": {"201", "404", "408", "409", "422", "429", "503"},
        "GET /boxes": {"200"},
        "GET /boxes/{name}": {"200", "404"},
        "GET /boxes/{name}/status": {"200", "404"},
        "PATCH /boxes/{name}": {"200", "404", "409", "422"},
        "DELETE /boxes/{name}": {"204", "404"},
        "POST /templates": {"201", "409", "422"},
        "GET /templates": {"200"},
        "GET /templates/{name}": {"200", "404"},
        "PATCH /templates/{name}": {"200", "404", "409", "422"},
        "DELETE /templates/{name}": {"204", "404", "409"},
        "POST /boxes/{sandbox_id}/dataplane/execute": {"200", "400", "404", "422", "429", "502"},
        "POST /boxes/{sandbox_id}/dataplane/upload": {"200", "400", "404", "413", "422", "429", "502"},
        "GET /boxes/{sandbox_id}/dataplane/download": {"200", "400", "404", "429", "502"},
        "POST /volumes": {"201", "409", "422", "429", "503", "504"},
        "GET /volumes": {"200"},
        "GET /volumes/{name}": {"200", "404"},
        "PATCH /volumes/{name}": {"200", "400", "404", "409", "422", "429", "503"},
        "DELETE /volumes/{name}": {"204", "404", "409"},
        "POST /pools": {"201", "400", "409", "422", "429", "504"},
        "GET /pools": {"200"},
        "GET /pools/{name}": {"200", "404"},
        "PATCH /pools/{name}": {"200", "404", "409", "422", "429"},
        "DELETE /pools/{name}": {"204", "404"},
        "GET /limits": {"200"},
        "GET /usage": {"200", "422"},
        "GET /events": {"200", "422"},
        "GET /events/stream": {"200", "422", "429"},
        "GET /boxes/{name}/events": {"200", "404", "422"},
        "GET /history": {"200", "422"},
        "GET /history/{sandbox_id}": {"200", "404"},
        "GET /capabilities": {"200"},
    }
    for name, statuses in expected.items():
        operation = operations[name]
        assert operation["description"], name
        assert statuses | {"401", "403"} <= set(operation["responses"]), name
        assert operation["security"], name
    assert set(operations) >= set(expected)
    assert operations["GET /healthz"].get("security") is None
