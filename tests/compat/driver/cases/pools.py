"""Pools: made, scaled, paused, renamed, removed, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import entered, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit


@case(
    "pools",
    "SandboxClient.create_pool",
    "SandboxClient.get_pool",
    "SandboxClient.list_pools",
    "SandboxClient.update_pool",
    "SandboxClient.delete_pool",
)
async def a_pool_lives(kit: Kit) -> None:
    template = await kit.template()
    name = kit.later("pool", kit.name("p"))
    made = await settle(kit.client.create_pool(name=name, template_name=template, replicas=1, timeout=60))
    assert (made.name, made.template_name, made.replicas) == (name, template, 1)
    assert made.id
    assert await settle(kit.client.get_pool(name)) == made
    assert made in await settle(kit.client.list_pools())
    assert await settle(kit.client.update_pool(name)) == made
    async with entered(await settle(kit.client.sandbox(template_name=template))) as box:
        assert (await settle(box.run("echo warm"))).stdout == "warm\n"
    assert (await settle(kit.client.update_pool(name, replicas=2))).replicas == 2
    paused = await settle(kit.client.update_pool(name, replicas=0, new_name=kit.later("pool", f"{name}-b")))
    assert (paused.name, paused.replicas, paused.id) == (f"{name}-b", 0, made.id)
    with kit.raises("ResourceInUseError", resource_type="template"):
        await settle(kit.client.delete_template(template))
    await settle(kit.client.delete_pool(f"{name}-b"))
    with kit.raises("ResourceNotFoundError", resource_type="pool"):
        await settle(kit.client.get_pool(f"{name}-b"))


@case("pools", "Pool.from_dict", "SandboxClient.update_pool", "SandboxClient.create_pool")
async def a_taken_pool_name_is_refused(kit: Kit) -> None:
    template = await kit.template()
    one, other = kit.later("pool", kit.name("p")), kit.later("pool", kit.name("p"))
    for name in (one, other):
        await settle(kit.client.create_pool(name=name, template_name=template, replicas=1))
    assert kit.sdk.Pool.from_dict(kit.raw(f"/pools/{one}")) == await settle(kit.client.get_pool(one))
    with kit.raises("ResourceAlreadyExistsError", resource_type="pool"):
        await settle(kit.client.create_pool(name=one, template_name=template, replicas=1))
    with kit.raises("ResourceNameConflictError", resource_type="pool"):
        await settle(kit.client.update_pool(one, new_name=other))


@case("pools", "SandboxClient.create_pool")
async def a_bad_pool_is_refused(kit: Kit) -> None:
    with kit.raises("ResourceNotFoundError", resource_type="template"):
        await settle(kit.client.create_pool(name=kit.name("p"), template_name=kit.name("t"), replicas=1))
    with kit.raises("ValidationError", field="replicas"):
        await settle(kit.client.create_pool(name=kit.name("p"), template_name=await kit.template(), replicas=101))
    volume = kit.later("volume", kit.name("v"))
    await settle(kit.client.create_volume(name=volume, size="64Mi"))
    mount = kit.sdk.VolumeMountSpec(volume_name=volume, mount_path="/data")
    with_volume = await kit.template(volume_mounts=[mount])
    with kit.raises("ValidationError", error_type="ValidationError"):
        await settle(kit.client.create_pool(name=kit.name("p"), template_name=with_volume, replicas=1))


@case("pools", "SandboxClient.create_pool")
async def a_pool_that_cannot_fill_times_out(kit: Kit) -> None:
    template = kit.later("template", kit.name("t"))
    await settle(kit.client.create_template(name=template, image="no/such-image:1"))
    name = kit.later("pool", kit.name("p"))
    async with entered(kit.hasty_client()) as client:
        with kit.raises("ResourceTimeoutError", resource_type="pool"):
            await settle(client.create_pool(name=name, template_name=template, replicas=1, timeout=1))


@case("pools", "SandboxClient.get_pool", "SandboxClient.update_pool", "SandboxClient.delete_pool")
async def no_such_pool(kit: Kit) -> None:
    name = kit.name("p")
    with kit.raises("ResourceNotFoundError", resource_type="pool"):
        await settle(kit.client.get_pool(name))
    with kit.raises("ResourceNotFoundError", resource_type="pool"):
        await settle(kit.client.update_pool(name, replicas=1))
    with kit.raises("ResourceNotFoundError", resource_type="pool"):
        await settle(kit.client.delete_pool(name))
