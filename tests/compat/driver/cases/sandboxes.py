"""Sandboxes: made and waited for, found, renamed, ended, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import Unraised, entered, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit

_TRIES = 20


@case(
    "sandboxes",
    "SandboxClient.create_sandbox",
    "SandboxClient.get_sandbox",
    "SandboxClient.list_sandboxes",
    "SandboxClient.update_sandbox",
    "SandboxClient.delete_sandbox",
)
async def a_sandbox_lives(kit: Kit) -> None:
    template = await kit.template()
    name = kit.later("sandbox", kit.name("s"))
    made = await settle(kit.client.create_sandbox(template_name=template, name=name, timeout=60))
    assert (made.name, made.template_name, made.status, made.status_message) == (name, template, "ready", None)
    assert made.id
    assert made.dataplane_url
    found = await settle(kit.client.get_sandbox(name))
    assert (found.id, found.dataplane_url) == (made.id, made.dataplane_url)
    assert (await settle(found.run("echo again"))).stdout == "again\n"
    renamed = await settle(kit.client.update_sandbox(name, new_name=kit.later("sandbox", f"{name}-b")))
    assert (renamed.id, renamed.name) == (made.id, f"{name}-b")
    assert (await settle(renamed.run("echo renamed"))).stdout == "renamed\n"
    assert made.id in {box.id for box in await settle(kit.client.list_sandboxes())}
    await settle(kit.client.delete_sandbox(f"{name}-b"))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.get_sandbox(f"{name}-b"))


@case("sandboxes", "SandboxClient.sandbox", "Sandbox.__enter__", "Sandbox.__exit__")
async def a_sandbox_ends_with_its_block(kit: Kit) -> None:
    template = await kit.template()
    async with entered(await settle(kit.client.sandbox(template_name=template, name=kit.name("s")))) as box:
        assert (await settle(box.run("python3 -c 'print(2 + 2)'"))).stdout == "4\n"
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.get_sandbox(box.name))


@case("sandboxes", "Sandbox.from_dict")
async def a_sandbox_is_read_from_the_answer(kit: Kit) -> None:
    box = await kit.sandbox()
    read = kit.record("Sandbox").from_dict(kit.raw(f"/boxes/{box.name}"), client=kit.client, auto_delete=False)
    assert (read.id, read.name, read.dataplane_url) == (box.id, box.name, box.dataplane_url)
    assert (await settle(read.run("echo read"))).stdout == "read\n"


@case("sandboxes", "Sandbox.delete")
async def a_sandbox_deletes_itself(kit: Kit) -> None:
    box = await settle(kit.client.create_sandbox(template_name=await kit.template()))
    await settle(box.delete())
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.get_sandbox(box.name))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(box.delete())


@case(
    "sandboxes",
    "SandboxClient.create_sandbox",
    "SandboxClient.wait_for_sandbox",
    "SandboxClient.get_sandbox_status",
    "ResourceStatus.from_dict",
)
async def a_sandbox_is_waited_for(kit: Kit) -> None:
    made = await settle(kit.client.create_sandbox(template_name=await kit.template(), wait_for_ready=False))
    kit.later("sandbox", made.name)
    assert made.status == "provisioning"
    with kit.raises("SandboxNotReadyError"):
        await settle(made.run("true"))
    ready = await settle(kit.client.wait_for_sandbox(made.name, timeout=60, poll_interval=0.05))
    assert (ready.id, ready.status) == (made.id, "ready")
    status = await settle(kit.client.get_sandbox_status(made.name))
    assert (status.status, status.status_message) == ("ready", None)
    assert kit.sdk.ResourceStatus.from_dict(kit.raw(f"/boxes/{made.name}/status")) == status
    assert (await settle(ready.run("echo ready"))).stdout == "ready\n"


@case("sandboxes", "SandboxClient.create_sandbox", "SandboxClient.wait_for_sandbox", "SandboxClient.get_sandbox_status")
async def a_failed_sandbox_says_why(kit: Kit) -> None:
    template = kit.later("template", kit.name("t"))
    await settle(kit.client.create_template(name=template, image="no/such-image:1"))
    with kit.raises("ResourceCreationError", resource_type="sandbox", error_type="ImagePull"):
        await settle(kit.client.create_sandbox(template_name=template))
    made = await settle(kit.client.create_sandbox(template_name=template, wait_for_ready=False))
    kit.later("sandbox", made.name)
    with kit.raises("ResourceCreationError", resource_type="sandbox"):
        await settle(kit.client.wait_for_sandbox(made.name, timeout=60, poll_interval=0.05))
    status = await settle(kit.client.get_sandbox_status(made.name))
    assert status.status == "failed"
    assert status.status_message


@case("sandboxes", "SandboxClient.create_sandbox")
async def a_sandbox_not_ready_in_time(kit: Kit) -> None:
    with kit.raises("ResourceTimeoutError", resource_type="sandbox") as caught:
        await settle(kit.client.create_sandbox(template_name=await kit.template(), timeout=0))
    assert "provisioning" in str(caught[0])


@case("sandboxes", "SandboxClient.wait_for_sandbox")
async def patience_ends(kit: Kit) -> None:
    template = await kit.template()
    for _ in range(_TRIES):
        # A start takes milliseconds, so now and then one wins the race.
        made = await settle(kit.client.create_sandbox(template_name=template, wait_for_ready=False))
        kit.later("sandbox", made.name)
        try:
            with kit.raises("ResourceTimeoutError", resource_type="sandbox", last_status="provisioning"):
                await settle(kit.client.wait_for_sandbox(made.name, timeout=0))
        except Unraised:
            continue
        return
    raise AssertionError(f"{_TRIES} sandboxes were all ready at once")


@case("sandboxes", "SandboxClient.create_sandbox", "SandboxClient.update_sandbox")
async def a_bad_sandbox_is_refused(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("ResourceNotFoundError"):
        await settle(kit.client.create_sandbox(template_name=kit.name("t")))
    with kit.raises("SandboxClientError"):
        await settle(kit.client.create_sandbox(template_name=kit.shared_template, name=box.name))
    with kit.raises("ValidationError", field="name"):
        await settle(kit.client.create_sandbox(template_name=kit.shared_template, name="Not A Name"))
    other = await settle(kit.client.create_sandbox(template_name=kit.shared_template))
    kit.later("sandbox", other.name)
    with kit.raises("ResourceNameConflictError", resource_type="sandbox"):
        await settle(kit.client.update_sandbox(other.name, new_name=box.name))


@case(
    "sandboxes",
    "SandboxClient.get_sandbox",
    "SandboxClient.update_sandbox",
    "SandboxClient.delete_sandbox",
    "SandboxClient.get_sandbox_status",
    "SandboxClient.wait_for_sandbox",
)
async def no_such_sandbox(kit: Kit) -> None:
    name = kit.name("s")
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.get_sandbox(name))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.update_sandbox(name, new_name=f"{name}-b"))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.delete_sandbox(name))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.get_sandbox_status(name))
    with kit.raises("ResourceNotFoundError", resource_type="sandbox"):
        await settle(kit.client.wait_for_sandbox(name, timeout=1))
