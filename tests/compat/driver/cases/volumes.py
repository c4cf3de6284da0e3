"""Volumes: made, mounted, grown, renamed, removed, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import entered, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit


async def _volume(kit: Kit) -> str:
    name = kit.later("volume", kit.name("v"))
    await settle(kit.client.create_volume(name=name, size="64Mi"))
    return name


@case(
    "volumes",
    "SandboxClient.create_volume",
    "SandboxClient.get_volume",
    "SandboxClient.list_volumes",
    "SandboxClient.update_volume",
    "SandboxClient.delete_volume",
)
async def a_volume_lives(kit: Kit) -> None:
    name = kit.later("volume", kit.name("v"))
    made = await settle(kit.client.create_volume(name=name, size="64Mi", timeout=30))
    assert (made.name, made.size) == (name, "64Mi")
    assert made.id
    assert made.storage_class
    assert await settle(kit.client.get_volume(name)) == made
    assert made in await settle(kit.client.list_volumes())
    assert await settle(kit.client.update_volume(name)) == made
    grown = await settle(kit.client.update_volume(name, size="96Mi"))
    assert (grown.size, grown.id) == ("96Mi", made.id)
    new_name = kit.later("volume", f"{name}-b")
    both = await settle(kit.client.update_volume(name, new_name=new_name, size="128Mi"))
    assert (both.name, both.size) == (new_name, "128Mi")
    await settle(kit.client.delete_volume(new_name))
    with kit.raises("ResourceNotFoundError", resource_type="volume"):
        await settle(kit.client.get_volume(new_name))


@case("volumes", "Volume.from_dict")
async def a_volume_is_read_from_the_answer(kit: Kit) -> None:
    name = await _volume(kit)
    assert kit.sdk.Volume.from_dict(kit.raw(f"/volumes/{name}")) == await settle(kit.client.get_volume(name))


@case("volumes", "SandboxClient.create_template", "SandboxClient.delete_volume", "SandboxClient.update_volume")
async def what_a_volume_holds_outlives_sandboxes(kit: Kit) -> None:
    volume = await _volume(kit)
    mount = kit.sdk.VolumeMountSpec(volume_name=volume, mount_path="/data")
    template = kit.later("template", kit.name("t"))
    made = await settle(kit.client.create_template(name=template, image="host", volume_mounts=[mount]))
    assert made.volume_mounts == [mount]
    async with entered(await settle(kit.client.sandbox(template_name=template))) as box:
        await settle(box.write("/data/state.bin", bytes(range(256))))
        with kit.raises("ResourceInUseError", resource_type="volume"):
            await settle(kit.client.delete_volume(volume))
        with kit.raises("ValidationError", error_type="VolumeResize"):
            await settle(kit.client.update_volume(volume, size="128Mi"))
    assert (await settle(kit.client.update_volume(volume, size="128Mi"))).size == "128Mi"
    async with entered(await settle(kit.client.sandbox(template_name=template))) as box:
        assert await settle(box.read("/data/state.bin")) == bytes(range(256))


@case("volumes", "SandboxClient.create_volume", "SandboxClient.update_volume")
async def a_bad_volume_is_refused(kit: Kit) -> None:
    volume, other = await _volume(kit), await _volume(kit)
    with kit.raises("SandboxClientError"):
        await settle(kit.client.create_volume(name=volume, size="64Mi"))
    with kit.raises("ValidationError", field="size"):
        await settle(kit.client.create_volume(name=kit.name("v"), size="big"))
    with kit.raises("ValidationError", error_type="VolumeResize"):
        await settle(kit.client.update_volume(volume, size="32Mi"))
    with kit.raises("ResourceNameConflictError", resource_type="volume"):
        await settle(kit.client.update_volume(volume, new_name=other))


@case("volumes", "SandboxClient.get_volume", "SandboxClient.update_volume", "SandboxClient.delete_volume")
async def no_such_volume(kit: Kit) -> None:
    name = kit.name("v")
    with kit.raises("ResourceNotFoundError", resource_type="volume"):
        await settle(kit.client.get_volume(name))
    with kit.raises("ResourceNotFoundError", resource_type="volume"):
        await settle(kit.client.update_volume(name, size="64Mi"))
    with kit.raises("ResourceNotFoundError", resource_type="volume"):
        await settle(kit.client.delete_volume(name))


@case("volumes", "SandboxClient.create_volume")
async def a_volume_not_made_in_time(kit: Kit) -> None:
    name = kit.later("volume", kit.name("v"))
    async with entered(kit.hasty_client()) as client:
        with kit.raises("ResourceTimeoutError", resource_type="volume"):
            await settle(client.create_volume(name=name, size="64Mi", timeout=0))


@case("volumes", "SandboxClient.create_template")
async def a_template_of_an_unknown_volume_is_refused(kit: Kit) -> None:
    mount = kit.sdk.VolumeMountSpec(volume_name=kit.name("v"), mount_path="/data")
    with kit.raises("ValidationError"):
        await settle(kit.client.create_template(name=kit.name("t"), image="host", volume_mounts=[mount]))
