"""What a client says when its workspace's limits are reached."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.compat.driver.kit import entered, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit

_SOON = 20.0
"""Seconds within which a client that repeats itself must tell: no waiting would free anything."""


async def _template(kit: Kit, client: Any, **settings: str) -> str:
    name = kit.name("t")
    wanted = {"cpu": "100m", "memory": "64Mi", "storage": "64Mi", **settings}
    await settle(client.create_template(name=name, image="host", **wanted))
    return name


@case("quotas", "SandboxClient.create_sandbox", "SandboxClient.sandbox")
async def no_room_for_a_sandbox(kit: Kit) -> None:
    async with entered(kit.small_client(max_retries=0)) as client:
        for field, value in (("cpu", "2"), ("memory", "2Gi"), ("storage", "2Gi")):
            with kit.raises("QuotaExceededError", quota_type=field):
                await settle(client.create_sandbox(template_name=await _template(kit, client, **{field: value})))
        template = await _template(kit, client)
        boxes = [await settle(client.create_sandbox(template_name=template)) for _ in range(2)]
        with kit.raises("QuotaExceededError", quota_type="sandbox_count"):
            await settle(client.sandbox(template_name=template))
        await settle(client.delete_sandbox(boxes[0].name))
        async with entered(await settle(client.sandbox(template_name=template))) as box:
            assert (await settle(box.run("echo room"))).stdout == "room\n"
        await settle(client.delete_sandbox(boxes[1].name))


@case("quotas", "SandboxClient.create_volume", "SandboxClient.update_volume")
async def no_room_for_a_volume(kit: Kit) -> None:
    async with entered(kit.small_client(max_retries=0)) as client:
        with kit.raises("QuotaExceededError", quota_type="storage"):
            await settle(client.create_volume(name=kit.name("v"), size="2Gi"))
        volume = kit.name("v")
        await settle(client.create_volume(name=volume, size="64Mi"))
        with kit.raises("QuotaExceededError", quota_type="volume_count"):
            await settle(client.create_volume(name=kit.name("v"), size="64Mi"))
        with kit.raises("QuotaExceededError", quota_type="storage"):
            await settle(client.update_volume(volume, size="2Gi"))
        await settle(client.delete_volume(volume))


@case("quotas", "SandboxClient.create_pool", "SandboxClient.update_pool")
async def no_room_for_a_pool(kit: Kit) -> None:
    async with entered(kit.small_client(max_retries=0)) as client:
        template = await _template(kit, client)
        with kit.raises("QuotaExceededError", quota_type="sandbox_count"):
            await settle(client.create_pool(name=kit.name("p"), template_name=template, replicas=3))
        pool = kit.name("p")
        await settle(client.create_pool(name=pool, template_name=template, replicas=1))
        with kit.raises("QuotaExceededError", quota_type="sandbox_count"):
            await settle(client.update_pool(pool, replicas=3))
        await settle(client.delete_pool(pool))


@case("quotas", "SandboxClient.create_volume")
async def a_patient_client_tells_soon(kit: Kit) -> None:
    async with entered(kit.small_client()) as client:
        begun = time.monotonic()
        with kit.raises("QuotaExceededError", quota_type="storage"):
            await settle(client.create_volume(name=kit.name("v"), size="2Gi"))
        assert time.monotonic() - begun < _SOON
