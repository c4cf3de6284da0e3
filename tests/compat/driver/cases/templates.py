"""Templates: made, read, renamed, removed, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit


@case(
    "templates",
    "SandboxClient.create_template",
    "SandboxClient.get_template",
    "SandboxClient.list_templates",
    "SandboxClient.update_template",
    "SandboxClient.delete_template",
)
async def a_template_lives(kit: Kit) -> None:
    name = kit.later("template", kit.name("t"))
    made = await settle(kit.client.create_template(name=name, image="host", cpu="250m", memory="256Mi", storage="1Gi"))
    assert (made.name, made.image, made.volume_mounts) == (name, "host", [])
    assert made.resources == kit.sdk.ResourceSpec(cpu="250m", memory="256Mi", storage="1Gi")
    assert made.id
    assert made.created_at
    assert await settle(kit.client.get_template(name)) == made
    assert made in await settle(kit.client.list_templates())
    renamed = await settle(kit.client.update_template(name, new_name=kit.later("template", f"{name}-b")))
    assert (renamed.name, renamed.id, renamed.created_at) == (f"{name}-b", made.id, made.created_at)
    await settle(kit.client.delete_template(f"{name}-b"))
    with kit.raises("ResourceNotFoundError", resource_type="template"):
        await settle(kit.client.get_template(f"{name}-b"))


@case("templates", "SandboxClient.create_template")
async def a_template_has_defaults(kit: Kit) -> None:
    found = await settle(kit.client.get_template(await kit.template()))
    assert (found.resources.cpu, found.resources.memory) == ("500m", "512Mi")


@case("templates", "SandboxTemplate.from_dict")
async def a_template_is_read_from_the_answer(kit: Kit) -> None:
    name = await kit.template()
    read = kit.sdk.SandboxTemplate.from_dict(kit.raw(f"/templates/{name}"))
    assert read == await settle(kit.client.get_template(name))


@case("templates", "SandboxClient.create_template")
async def a_bad_template_is_refused(kit: Kit) -> None:
    with kit.raises("ValidationError", field="cpu"):
        await settle(kit.client.create_template(name=kit.name("t"), image="host", cpu="a lot"))
    with kit.raises("ValidationError", field="memory"):
        await settle(kit.client.create_template(name=kit.name("t"), image="host", memory="-1Gi"))
    with kit.raises("ValidationError", field="name"):
        await settle(kit.client.create_template(name="Not A Name", image="host"))
    with kit.raises("SandboxClientError"):
        await settle(kit.client.create_template(name=await kit.template(), image="host"))


@case("templates", "SandboxClient.get_template", "SandboxClient.update_template", "SandboxClient.delete_template")
async def no_such_template(kit: Kit) -> None:
    name = kit.name("t")
    with kit.raises("ResourceNotFoundError", resource_type="template"):
        await settle(kit.client.get_template(name))
    with kit.raises("ResourceNotFoundError", resource_type="template"):
        await settle(kit.client.update_template(name, new_name=f"{name}-b"))
    with kit.raises("ResourceNotFoundError", resource_type="template"):
        await settle(kit.client.delete_template(name))


@case("templates", "SandboxClient.update_template")
async def a_taken_template_name_is_refused(kit: Kit) -> None:
    one, other = await kit.template(), await kit.template()
    with kit.raises("ResourceNameConflictError", resource_type="template"):
        await settle(kit.client.update_template(one, new_name=other))


@case("templates", "SandboxClient.delete_template")
async def a_used_template_stays(kit: Kit) -> None:
    await kit.sandbox()
    with kit.raises("ResourceInUseError", resource_type="template"):
        await settle(kit.client.delete_template(kit.shared_template))
