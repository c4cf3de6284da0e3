"""The admin API's description."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.server.admin.conftest import Office


async def test_every_call_is_described(office: Office) -> None:
    document = office.server.app.openapi()
    calls = {
        (method, path): operation
        for path, methods in document["paths"].items()
        if path.startswith("/v2/admin")
        for method, operation in methods.items()
    }
    assert len(calls) > 15
    for call, operation in calls.items():
        assert operation["description"], call
        assert operation["security"] == [{"AdminKey": []}], call
        assert operation["tags"][0].startswith("admin"), call
        assert "401" in operation["responses"], call
        if "{" in call[1]:
            assert "404" in operation["responses"], call


async def test_no_example_looks_like_a_key(office: Office) -> None:
    text = json.dumps(office.server.app.openapi(), ensure_ascii=False)
    assert "sbxa_…" in text
    assert not re.search(r"sbx[a-z]?_[A-Za-z0-9]{6,}", text)


async def test_what_a_call_may_answer_is_what_it_answers(office: Office) -> None:
    """Each answer's fields are those of its schema."""
    schemas = office.server.app.openapi()["components"]["schemas"]
    made = await office.make_key()
    workspace = (await office.api.get("/workspaces/default")).json()
    limits = (await office.api.get("/workspaces/default/limits")).json()
    overview = (await office.api.get("/overview")).json()
    admin = (await office.api.post("/admin-keys", json={"name": "k"})).json()
    for name, found in (
        ("KeyMadeOut", made),
        ("WorkspaceOut", workspace),
        ("LimitsAndHeldOut", limits),
        ("WorkspaceLimitsOut", limits["limits"]),
        ("HeldOut", limits["held"]),
        ("OverviewOut", overview),
        ("CountsOut", overview["workspaces"][0]),
        ("AdminKeyMadeOut", admin),
    ):
        assert set(schemas[name]["properties"]) == set(found), name
