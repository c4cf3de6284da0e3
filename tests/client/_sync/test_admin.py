# Generated from tests/client/_async/test_admin.py by tools/unasync.py: change that file, then run this tool.
"""The synchronous client of the admin API, where the network or the server fails; the rest is tested on a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import (
    AdminClient,
    ExtensionUnsupportedError,
    InvalidResponseError,
    ResourceAlreadyExistsError,
    ResourceInUseError,
    SandboxAuthenticationError,
    SandboxConnectionError,
)
from tests.client.fake import DROP, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.fake import FakeServer

ADMIN = "//v2/admin"
WORKSPACE = {"id": "i", "name": "team", "limits": {"max_sandboxes": 3}}
KEY = {"id": "abc", "name": "ci", "scopes": ["read"], "acts_for_people": False, "status": "living"}


@pytest.fixture
def admin(server: FakeServer) -> Iterator[AdminClient]:
    """An operator of the fake server."""
    with AdminClient(api_endpoint=f"{server.url}/v2/admin", admin_key="sbxa_key") as client:
        yield client


def refusal(status: int, kind: str, message: str = "no") -> Answer:
    """The server's words."""
    return Answer(status, {"detail": {"error": kind, "message": message}})


def test_the_server_and_the_key_come_from_the_environment(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("GET", f"{ADMIN}/admin-keys", {"admin_keys": []})
    monkeypatch.setenv("SANDBOX_ENDPOINT", server.endpoint)
    monkeypatch.setenv("SANDBOX_ADMIN_KEY", "sbxa_other")
    monkeypatch.setenv("SANDBOX_API_KEY", "sbx_never")
    with AdminClient() as client:
        assert client.list_admin_keys() == []
        assert server.url in repr(client)
    assert server.seen[0].headers["x-api-key"] == "sbxa_other"
    monkeypatch.delenv("SANDBOX_ENDPOINT")
    with pytest.raises(ValueError, match="SANDBOX_ENDPOINT"):
        AdminClient()


def test_a_workspace_whose_answer_was_lost_is_looked_up(
    admin: AdminClient, server: FakeServer, pauses: list[float]
) -> None:
    server.on("POST", f"{ADMIN}/workspaces", DROP, refusal(409, "AlreadyExists"))
    server.on("GET", f"{ADMIN}/workspaces/team", WORKSPACE)
    made = admin.create_workspace("team", max_sandboxes=3)
    assert (made.id, made.limits.max_sandboxes, made.limits.max_cpu_millis) == ("i", 3, None)
    assert server.seen[0].json == {"name": "team", "limits": {"max_sandboxes": 3}}
    assert len(pauses) == 1


def test_a_name_that_was_taken_before_is_refused(admin: AdminClient, server: FakeServer) -> None:
    server.on("POST", f"{ADMIN}/workspaces", refusal(409, "AlreadyExists", "there is a workspace 'team'"))
    with pytest.raises(ResourceAlreadyExistsError, match="there is a workspace"):
        admin.create_workspace("team")


def test_a_key_is_never_made_twice(admin: AdminClient, server: FakeServer, pauses: list[float]) -> None:
    server.on("POST", f"{ADMIN}/workspaces/team/keys", DROP)
    server.on("POST", f"{ADMIN}/workspaces/team/keys/abc/rotate", DROP)
    server.on("POST", f"{ADMIN}/admin-keys", DROP)
    for making in (
        lambda: admin.create_key("team", "ci"),
        lambda: admin.rotate_key("team", "abc"),
        lambda: admin.create_admin_key("ops"),
    ):
        with pytest.raises(SandboxConnectionError):
            making()
    assert len(server.seen) == 3
    assert pauses == []


def test_a_new_key_holds_its_text_and_does_not_show_it(admin: AdminClient, server: FakeServer) -> None:
    server.on("POST", f"{ADMIN}/workspaces/team/keys", Answer(201, {**KEY, "api_key": "sbx_secret"}))
    server.on("POST", f"{ADMIN}/admin-keys", Answer(201, {"id": "a", "name": "ops", "admin_key": "sbxa_secret"}))
    key = admin.create_key("team", "ci", scopes=("read",), expires_in_seconds=60)
    assert (key.api_key, key.scopes, key.replaces) == ("sbx_secret", ("read",), None)
    assert server.seen[0].json == {
        "name": "ci",
        "scopes": ["read"],
        "acts_for_people": False,
        "expires_in_seconds": 60,
    }
    operator = admin.create_admin_key("ops")
    assert operator.admin_key == "sbxa_secret"
    assert "secret" not in repr(key) + repr(operator)


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"name": "new"}, {"name": "new"}),
        ({"expires_at": "never"}, {"expires_at": None}),
        ({"expires_at": "2030-01-01T00:00:00Z"}, {"expires_at": "2030-01-01T00:00:00Z"}),
    ],
)
def test_only_what_is_given_changes(
    admin: AdminClient, server: FakeServer, changes: dict[str, Any], body: dict[str, Any]
) -> None:
    server.on("PATCH", f"{ADMIN}/workspaces/team/keys/abc", KEY)
    admin.update_key("team", "abc", **changes)
    assert server.seen[0].json == body


def test_a_deletion_says_whether_it_goes_on(admin: AdminClient, server: FakeServer, pauses: list[float]) -> None:
    server.on("DELETE", f"{ADMIN}/workspaces/team", Answer(202, WORKSPACE), DROP, refusal(404, "WorkspaceNotFound"))
    assert admin.delete_workspace("team", force=True) is False
    assert server.seen[0].query == {"force": ["true"]}
    assert admin.delete_workspace("team") is True
    assert len(pauses) == 1


def test_the_last_admin_key_stays(admin: AdminClient, server: FakeServer) -> None:
    server.on("DELETE", f"{ADMIN}/admin-keys/abc", refusal(409, "LastAdminKey", "the last one"))
    with pytest.raises(ResourceInUseError, match="the last one"):
        admin.revoke_admin_key("abc")


def test_a_server_without_an_admin_api_is_named(admin: AdminClient, server: FakeServer) -> None:
    server.on("GET", f"{ADMIN}/workspaces", Answer(404, {"detail": "Not Found"}))
    with pytest.raises(ExtensionUnsupportedError, match="no admin API"):
        admin.list_workspaces()


def test_a_key_that_is_no_admin_key_is_refused(admin: AdminClient, server: FakeServer) -> None:
    server.on("GET", f"{ADMIN}/overview", refusal(401, "Unauthorized", "the admin API has keys of its own"))
    with pytest.raises(SandboxAuthenticationError, match="keys of its own"):
        admin.get_overview()


def test_an_answer_without_the_keys_text_is_refused(admin: AdminClient, server: FakeServer) -> None:
    server.on("POST", f"{ADMIN}/workspaces/team/keys", Answer(201, KEY))
    with pytest.raises(InvalidResponseError, match="api_key"):
        admin.create_key("team", "ci")


def test_what_differs_is_read_and_mended(admin: AdminClient, server: FakeServer, pauses: list[float]) -> None:
    orphan = {"kind": "volume", "id": "v", "action": "leave", "reason": "no row", "workspace": None, "outcome": None}
    found = {"checked_at": "2026-01-31T12:00:00.000Z", "runtime": "fake", "total": 1, "differences": [orphan]}
    removed = {**found, "differences": [{**orphan, "action": "remove", "outcome": "done"}]}
    server.on("GET", f"{ADMIN}/reconciliation", found)
    server.on("POST", f"{ADMIN}/reconciliation", DROP, removed)
    [difference] = (admin.get_reconciliation()).differences
    assert (difference.kind, difference.action, difference.workspace, difference.outcome) == (
        *("volume", "leave"),
        *(None, None),
    )
    done = admin.reconcile(remove_volumes=True)
    assert (done.runtime, done.total, done.differences[0].outcome) == ("fake", 1, "done")
    assert server.seen[-1].query == {"remove_volumes": ["true"]}
    assert len(pauses) == 1
