"""Snapshots, which the last release of the dialect can ask for and this server does not have: it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit

_SIZE = 2**30
_ID = "00000000-0000-4000-8000-000000000000"


@case(
    "snapshots",
    "SandboxClient.create_snapshot",
    "SandboxClient.capture_snapshot",
    "SandboxClient.get_snapshot",
    "SandboxClient.list_snapshots",
    "SandboxClient.delete_snapshot",
    "SandboxClient.wait_for_snapshot",
    "Sandbox.capture_snapshot",
    "Snapshot.from_dict",
    served=False,
)
async def snapshots_are_refused(kit: Kit) -> None:
    box = await kit.sandbox()
    client = kit.client
    calls = (
        lambda: client.create_snapshot(kit.name("snap"), docker_image="host", fs_capacity_bytes=_SIZE),
        lambda: client.capture_snapshot(box.name, kit.name("snap")),
        client.list_snapshots,
        lambda: client.get_snapshot(_ID),
        lambda: client.delete_snapshot(_ID),
        lambda: client.wait_for_snapshot(_ID, timeout=1),
        lambda: box.capture_snapshot(kit.name("snap")),
    )
    for call in calls:
        with kit.raises("SandboxClientError") as caught:
            await settle(call())
        assert "snapshot" in str(caught[0])
    assert kit.sdk.Snapshot.from_dict({"id": _ID, "name": "x"}).status == "building"


@case(
    "snapshots",
    "SandboxClient.start_sandbox",
    "SandboxClient.stop_sandbox",
    "Sandbox.start",
    "Sandbox.stop",
    served=False,
)
async def sandboxes_do_not_stop_to_start_again(kit: Kit) -> None:
    box = await kit.sandbox()
    calls = (
        lambda: kit.client.stop_sandbox(box.name),
        lambda: kit.client.start_sandbox(box.name),
        box.stop,
        box.start,
    )
    for call in calls:
        with kit.raises("SandboxClientError") as caught:
            await settle(call())
        assert "stop" in str(caught[0])
    assert (await settle(box.run("echo still here"))).stdout == "still here\n"


@case("snapshots", "SandboxClient.create_sandbox", needs=("SandboxClient.create_sandbox(snapshot_id)",), served=False)
async def what_only_snapshots_have_is_refused(kit: Kit) -> None:
    box = await kit.sandbox()
    closed = {"access_control": {"deny_list": ["*"]}}
    with kit.raises("ValidationError", field="template_name"):
        await settle(kit.client.create_sandbox(snapshot_id=_ID))
    with kit.raises("ValidationError", field="proxy_config"):
        await settle(kit.client.create_sandbox(template_name=box.template_name, proxy_config=closed))
    with kit.raises("ValidationError", field="vcpus"):
        await settle(kit.client.create_sandbox(template_name=box.template_name, vcpus=2))
