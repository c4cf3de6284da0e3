"""``/v2/admin/workspaces/{workspace}/keys``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.server import auth
from sandboxcore.server.clock import now
from sandboxcore.server.services import keys

if TYPE_CHECKING:
    from tests.server.admin.conftest import Office


async def test_it_works(office: Office) -> None:
    await office.workspace("blue")
    made = await office.make_key("blue", name="ci", scopes=["run", "read"], expires_in_seconds=3600)
    assert made["api_key"].startswith(f"sbx_{made['id']}_")
    assert (made["name"], made["scopes"], made["status"]) == ("ci", ["read", "run"], "living")
    assert (await office.client(made["api_key"]).get("/boxes")).json() == {"sandboxes": []}
    shown = (await office.api.get(f"/workspaces/blue/keys/{made['id']}")).json()
    assert {**shown, "api_key": made["api_key"]} == made
    listed = (await office.api.get("/workspaces/blue/keys")).json()["keys"]
    assert listed == [shown]


async def test_no_cache_may_keep_a_keys_text(office: Office) -> None:
    answer = await office.api.post("/workspaces/default/keys", json={"name": "k"})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 64},
        {"name": " x"},
        {"name": "a\nb"},
        {"name": "k", "scopes": []},
        {"name": "k", "scopes": ["everything"]},
        {"name": "k", "expires_in_seconds": 0},
        {"name": "k", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "k", "expires_at": "2030-01-01T00:00:00"},
        {"name": "k", "expires_at": "9999-12-31T23:59:59-14:00"},
        {"name": "k", "expires_in_seconds": 10**30},
        {"name": "k\0"},
        {"name": "k", "expires_at": "2030-01-01T00:00:00Z", "expires_in_seconds": 60},
    ],
)
async def test_what_cannot_be_is_422(office: Office, body: dict[str, Any]) -> None:
    answer = await office.api.post("/workspaces/default/keys", json=body)
    assert answer.status_code == 422, answer.text


async def test_a_key_of_another_workspace_is_not_found(office: Office) -> None:
    await office.workspace("blue")
    made = await office.make_key("default")
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "n"}),
        ("DELETE", "", None),
        ("POST", "/rotate", {}),
    ):
        answer = await office.api.request(method, f"/workspaces/blue/keys/{made['id']}{path}", json=body)
        assert answer.status_code == 404, (method, answer.text)
    assert (await office.client(made["api_key"]).get("/boxes")).status_code == 200


async def test_names_and_ends_can_be_changed(office: Office) -> None:
    made = await office.make_key()
    path = f"/workspaces/default/keys/{made['id']}"
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    changed = (await office.api.patch(path, json={"name": "new", "expires_at": later})).json()
    assert (changed["name"], changed["expires_at"]) == ("new", later)
    assert (await office.api.patch(path, json={"name": "newer"})).json()["expires_at"] == later
    assert (await office.api.patch(path, json={"expires_at": None})).json()["expires_at"] is None


async def test_an_end_that_is_moved_holds_from_this_moment(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await office.make_key(expires_in_seconds=3600)
    client = office.client(made["api_key"])
    assert (await client.get("/boxes")).status_code == 200
    moment = now() + 1800
    sooner = datetime.fromtimestamp(moment, UTC).isoformat()
    await office.api.patch(f"/workspaces/default/keys/{made['id']}", json={"expires_at": sooner})
    assert (await client.get("/boxes")).status_code == 200
    # ISO 8601 has whole microseconds.
    monkeypatch.setattr(auth, "now", lambda: moment + 1e-6)
    answer = await client.get("/boxes")
    assert (answer.status_code, "has expired" in answer.text) == (401, True)


async def test_a_revoked_key_is_refused_from_this_moment_on(office: Office) -> None:
    made = await office.make_key()
    client = office.client(made["api_key"])
    assert (await client.get("/boxes")).status_code == 200
    path = f"/workspaces/default/keys/{made['id']}"
    assert (await office.api.delete(path, headers={"X-Sandbox-Actor": "ada"})).status_code == 204
    assert (await client.get("/boxes")).status_code == 401
    assert (await office.api.delete(path)).status_code == 204
    shown = (await office.api.get(path)).json()
    assert (shown["status"], shown["revoked_by"]) == ("revoked", "ada")
    for answer in (await office.api.patch(path, json={"name": "n"}), await office.api.post(f"{path}/rotate", json={})):
        assert (answer.status_code, answer.json()["detail"]["error"]) == (409, "KeyEnded")
    living = (await office.api.get("/workspaces/default/keys", params={"living": True})).json()["keys"]
    assert made["id"] not in [key["id"] for key in living]


async def test_rotating_gives_a_new_secret_in_the_olds_place(office: Office) -> None:
    old = await office.make_key(name="ci", scopes=["read"])
    answer = await office.api.post(f"/workspaces/default/keys/{old['id']}/rotate", json={})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json()
    assert (new["name"], new["scopes"], new["replaces"]["status"]) == ("ci", ["read"], "revoked")
    assert (await office.client(old["api_key"]).get("/boxes")).status_code == 401
    assert (await office.client(new["api_key"]).get("/boxes")).status_code == 200


async def test_with_an_overlap_both_work_for_a_while(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    old = await office.make_key()
    answer = await office.api.post(f"/workspaces/default/keys/{old['id']}/rotate", json={"overlap_seconds": 60})
    new = answer.json()
    for key in (old, new):
        assert (await office.client(key["api_key"]).get("/boxes")).status_code == 200
    moment = now() + 61
    monkeypatch.setattr(auth, "now", lambda: moment)
    assert (await office.client(old["api_key"]).get("/boxes")).status_code == 401
    assert (await office.client(new["api_key"]).get("/boxes")).status_code == 200


async def test_a_workspace_has_a_bounded_number_of_keys(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.workspace("blue")
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    first = await office.make_key("blue")
    await office.make_key("blue")
    refused = await office.api.post("/workspaces/blue/keys", json={"name": "k"})
    assert (refused.status_code, refused.json()["detail"]["error"]) == (409, "TooManyKeys")
    await office.api.delete(f"/workspaces/blue/keys/{first['id']}")
    await office.make_key("blue")


async def test_what_happens_to_keys_is_an_event_without_secrets(office: Office) -> None:
    look = await office.make_key(name="look")
    made = await office.make_key(name="k")
    rotated = (await office.api.post(f"/workspaces/default/keys/{made['id']}/rotate", json={})).json()
    path = f"/workspaces/default/keys/{rotated['id']}"
    await office.api.patch(path, json={"name": "new"})
    await office.api.delete(path, headers={"X-Sandbox-Actor": "ada\x00\n" + "x" * 300})
    events = await office.events(look["api_key"], "key")
    about = [each for each in events if each["data"]["key"] in (made["id"], rotated["id"])]
    told = [each["type"] for each in about]
    assert told == ["key.created", "key.created", "key.rotated", "key.updated", "key.revoked"]
    assert about[2]["data"]["replaced_by"] == rotated["id"]
    assert about[-1]["actor"].startswith("adax")
    assert len(about[-1]["actor"]) == auth.MAX_ACTOR_LENGTH
    for key in (look, made, rotated):
        assert key["api_key"].split("_", 2)[2] not in json.dumps(events)


async def test_the_actor_of_an_admin_key_is_believed(office: Office) -> None:
    answer = await office.api.post(
        "/workspaces/default/keys", json={"name": "k"}, headers={"X-Sandbox-Actor": "ada@example.com"}
    )
    assert answer.json()["created_by"] == "ada@example.com"
    assert (await office.make_key())["created_by"] == "operator"
