"""An asynchronous client against a real sandboxd: what the extensions bring, from one end to the other."""

from __future__ import annotations

import signal
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sandboxcore import (
    AsyncAdminClient,
    AsyncSandboxClient,
    ResourceAlreadyExistsError,
    ResourceInUseError,
    ResourceNameConflictError,
    ResourceNotFoundError,
    SandboxAuthenticationError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandboxcore import AsyncEventFeed
    from tests.server.running import Sandboxd


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def admin(sandboxd: Sandboxd) -> AsyncIterator[AsyncAdminClient]:
    """An operator."""
    endpoint = f"{sandboxd.origin}/v2/admin"
    async with AsyncAdminClient(api_endpoint=endpoint, admin_key=sandboxd.admin_key) as admin:
        yield admin


@pytest.fixture
async def member(sandboxd: Sandboxd, admin: AsyncAdminClient) -> AsyncIterator[tuple[str, AsyncSandboxClient]]:
    """A fresh workspace's name, and a client with a key of it."""
    workspace = await admin.create_workspace(unique("team"))
    key = await admin.create_key(workspace.name, "a key")
    endpoint = f"{sandboxd.origin}/v2/sandboxes"
    async with AsyncSandboxClient(api_endpoint=endpoint, api_key=key.api_key) as client:
        yield workspace.name, client
    await admin.delete_workspace(workspace.id, force=True)


async def test_lists_page_sort_and_filter(member: tuple[str, AsyncSandboxClient]) -> None:
    _, client = member
    for name in ("b", "a", "c"):
        await client.create_template(name, "host")
    await client.create_pool("p", "a", 1, timeout=60)
    for name, template in (("x", "a"), ("y", "b"), ("z", "b")):
        await client.create_sandbox(template, name=name)

    assert [each.name for each in await client.list_templates()] == ["b", "a", "c"]
    page = await client.list_templates(sort="name", limit=2)
    assert ([each.name for each in page], page.total) == (["a", "b"], 3)
    assert [each.name for each in await client.list_templates(cursor=page.next_cursor)] == ["c"]
    assert [each.name async for each in client.iter_templates(sort="-name", page_size=1)] == ["c", "b", "a"]
    assert [each.name async for each in client.iter_templates(q="HOS", image="host", sort="name")] == ["a", "b", "c"]
    assert [each.name async for each in client.iter_volumes(in_use=False, sort="size")] == []
    assert [each.name for each in await client.list_pools(template="a")] == ["p"]
    found = await client.list_sandboxes(template="b", status=["ready", "failed"], sort="-name")
    assert [each.name for each in found] == ["z", "y"]
    assert (await found[0].run("echo hello")).stdout == "hello\n"
    later = datetime.now(UTC) + timedelta(days=1)
    assert await client.list_sandboxes(created_after=later) == []
    assert [each.name async for each in client.iter_sandboxes(created_before=later, page_size=2)] == ["x", "y", "z"]
    with pytest.raises(ValidationError, match="must be one of: created_at") as caught:
        await client.list_sandboxes(sort="colour")
    assert caught.value.field == "sort"


async def test_events_are_followed_over_the_death_of_the_server(
    sandboxd: Sandboxd, member: tuple[str, AsyncSandboxClient]
) -> None:
    _, client = member
    await client.create_template("t", "host")
    before = await client.list_events()
    assert [event.type for event in before][-1] == "template.created"
    assert (before.next_after, before.newest) == (None, before[-1].number)

    async with client.events(after=before[-1].number) as events:
        await client.create_sandbox("t", name="box")
        assert await until(events, "sandbox.ready") == "box"
        sandboxd.stop(signal.SIGKILL)
        sandboxd.start()
        await client.delete_sandbox("box")
        assert await until(events, "sandbox.deleted") == "box"
    types = [event.type for event in await client.list_events(after=before[-1].number)]
    assert types.count("sandbox.ready") == types.count("sandbox.deleted") == 1
    newest = await client.list_events(limit=1, newest_first=True, types=["sandbox"], subject="box")
    assert [event.type for event in newest] == [types[-1]]
    assert newest.next_after == newest[-1].number


async def until(events: AsyncEventFeed, kind: str) -> str:
    """Read to the next event of this type: its subject's name. Numbers have no gaps."""
    last = None
    async for event in events:
        assert last in {None, event.number - 1}
        last = event.number
        if event.type == kind:
            return event.subject_name
    raise AssertionError("the stream ended")


async def test_what_has_ended_stays_known(member: tuple[str, AsyncSandboxClient]) -> None:
    _, client = member
    await client.create_template("t", "host")
    made = [await client.create_sandbox("t", name=name) for name in ("one", "two", "three")]
    living = await client.get_history(made[0].id or "")
    assert (living.status, living.ended_at) == ("ready", None)
    for each in made:
        await client.delete_sandbox(each.name)
    page = await client.list_history(limit=2)
    assert ([each.name for each in page], page.total) == (["three", "two"], 3)
    assert [each.name async for each in client.iter_history(sort="name", page_size=2)] == ["one", "three", "two"]
    past = await client.get_history(made[0].id or "")
    assert (past.status, past.template_name, past.created_by, past.ended_by) == ("ended", "t", "a key", "a key")
    assert past.events[0].type == "sandbox.created"
    assert past.events == tuple(await client.list_sandbox_events(made[0].id or ""))
    with pytest.raises(ResourceNotFoundError) as caught:
        await client.get_history(str(uuid.uuid4()))
    assert caught.value.resource_type == "sandbox"


async def test_limits_and_usage(admin: AsyncAdminClient, member: tuple[str, AsyncSandboxClient]) -> None:
    workspace, client = member
    await admin.set_limits(workspace, max_sandboxes=3, default_ttl_seconds=600)
    await client.create_template("t", "host", cpu="250m", memory="64Mi")
    sandbox = await client.create_sandbox("t", name="box")
    assert sandbox.ttl_seconds == 600
    limits = await client.get_limits()
    assert (limits.sandboxes.limit, limits.sandboxes.held) == (3, 1)
    assert (limits.cpu_millis.limit, limits.cpu_millis.held) == (None, 250)
    assert limits.memory_bytes.held == 64 * 2**20
    assert limits.default_ttl_seconds == 600
    seen = await admin.get_limits(workspace)
    assert (seen.limits.max_sandboxes, seen.limits.max_cpu_millis, seen.held.sandboxes) == (3, None, 1)
    assert (await admin.set_limits(workspace, max_sandboxes=None)).limits.max_sandboxes is None
    await client.delete_sandbox("box")
    usage = await client.get_usage(step="total", by="template")
    (row,) = usage.rows
    assert (usage.step, usage.by, row.group, row.sandboxes_started) == ("total", "template", "t", 1)
    assert 0 < row.cpu_seconds == pytest.approx(row.sandbox_seconds * 0.25)
    by_admin = await admin.get_usage(workspace, step="total", by="template", end=usage.end)
    assert by_admin.rows[0].sandbox_seconds == pytest.approx(row.sandbox_seconds)
    with pytest.raises(ValidationError):
        await client.get_usage(start="yesterday")


async def test_what_there_is_and_who_uses_it(member: tuple[str, AsyncSandboxClient]) -> None:
    _, client = member
    for name in ("a", "b", "c"):
        await client.create_template(name, "host", cpu="250m", memory="64Mi")
    pool = await client.create_pool("p", "b", 1)
    box = await client.create_sandbox("a", name="box")
    summary = await client.get_summary()
    assert summary.sandboxes == {"ready": 1, "provisioning": 0, "failed": 0, "warm": 1}
    assert (summary.templates, summary.volumes["ready"], summary.pools["ready"]) == (3, 0, 1)
    assert (summary.ready_replicas, summary.wanted_replicas, summary.failed) == (1, 1, ())
    assert [(idle.id, idle.name, idle.cpu_millis) for idle in summary.idle] == [(box.id, "box", 250)]
    used = {each.name: each.used_by async for each in client.iter_templates(include="usage", page_size=1)}
    assert [(each.sandboxes, each.pools) for each in used.values() if each] == [(1, 0), (0, 1), (0, 0)]
    one = (await client.get_template("a", include="usage")).used_by
    assert one is not None
    assert (one.sandbox_names, one.pool_names) == (("box",), ())
    assert (await client.get_template("a")).used_by is None
    stats = (await client.get_pool(pool.name)).stats or {}
    assert stats["suggested_replicas"] is None
    assert stats["warm_seconds"] > 0
    await client.delete_pool("p")
    await client.delete_sandbox("box")


async def test_workspaces_and_keys(sandboxd: Sandboxd, admin: AsyncAdminClient) -> None:
    name = unique("team")
    workspace = await admin.create_workspace(name, max_volumes=2)
    assert (workspace.name, workspace.limits.max_volumes, workspace.deleting_at) == (name, 2, None)
    assert await admin.get_workspace(workspace.id) == workspace
    assert [each.id for each in await admin.list_workspaces(q=name)] == [workspace.id]
    with pytest.raises(ResourceAlreadyExistsError):
        await admin.create_workspace(name)
    with pytest.raises(ResourceNameConflictError):
        await admin.rename_workspace(name, new_name="default")

    key = await admin.create_key(name, "reader", scopes=["read"], expires_in_seconds=3600)
    assert (key.scopes, key.status, key.api_key.startswith(f"sbx_{key.id}_")) == (("read",), "living", True)
    assert key.api_key not in repr(key)
    renamed = await admin.update_key(name, key.id, name="still a reader", expires_at="never")
    assert (renamed.name, renamed.expires_at) == ("still a reader", None)
    endpoint = f"{sandboxd.origin}/v2/sandboxes"
    async with AsyncSandboxClient(api_endpoint=endpoint, api_key=key.api_key) as client:
        assert await client.list_templates() == []
        with pytest.raises(SandboxAuthenticationError, match="scope 'manage'"):
            await client.create_template("t", "host")
        new = await admin.rotate_key(name, key.id)
        assert new.replaces is not None
        assert (new.replaces.id, new.replaces.status) == (key.id, "revoked")
        with pytest.raises(SandboxAuthenticationError):
            await client.list_templates()
    await admin.revoke_key(name, new.id)
    assert await admin.list_keys(name, living=True) == []
    assert [each.id for each in await admin.list_keys(name)] == [key.id, new.id]
    assert (await admin.get_key(name, new.id)).status == "revoked"
    with pytest.raises(ResourceNotFoundError) as caught:
        await admin.get_key(name, "nothing")
    assert caught.value.resource_type == "key"

    (counts,) = await admin.get_overview(q=name)
    assert (counts.name, counts.keys, counts.templates, sum(counts.sandboxes.values())) == (name, 0, 0, 0)
    other = await admin.rename_workspace(name, new_name=unique("other"))
    assert await admin.delete_workspace(other.name)
    with pytest.raises(ResourceNotFoundError) as caught:
        await admin.get_workspace(other.name)
    assert caught.value.resource_type == "workspace"


async def test_a_workspace_in_use_is_only_deleted_by_force(
    admin: AsyncAdminClient, member: tuple[str, AsyncSandboxClient]
) -> None:
    workspace, client = member
    await client.create_template("t", "host")
    await client.create_sandbox("t", name="box")
    with pytest.raises(ResourceInUseError):
        await admin.delete_workspace(workspace)
    assert (await admin.get_workspace(workspace)).deleting_at is None


async def test_admin_keys(sandboxd: Sandboxd, admin: AsyncAdminClient) -> None:
    made = await admin.create_admin_key("second", expires_in_seconds=600)
    endpoint = f"{sandboxd.origin}/v2/admin"
    async with AsyncAdminClient(api_endpoint=endpoint, admin_key=made.admin_key) as second:
        assert made.id in [each.id for each in await second.list_admin_keys()]
        await admin.revoke_admin_key(made.id)
        with pytest.raises(SandboxAuthenticationError):
            await second.list_admin_keys()
