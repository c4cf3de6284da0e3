"""Files: written, read, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit


@case("files", "Sandbox.write", "Sandbox.read")
async def bytes_come_back_as_they_went(kit: Kit) -> None:
    box = await kit.sandbox()
    data = bytes(range(256)) * 12_288
    await settle(box.write("/app/deep/data.bin", data, timeout=60))
    assert await settle(box.read("/app/deep/data.bin", timeout=60)) == data
    assert (await settle(box.run("stat -c %s /app/deep/data.bin"))).stdout == f"{len(data)}\n"
    await settle(box.write("/app/deep/data.bin", b""))
    assert await settle(box.read("/app/deep/data.bin")) == b""


@case("files", "Sandbox.write", "Sandbox.read")
async def text_and_names_beyond_ascii(kit: Kit) -> None:
    box = await kit.sandbox()
    await settle(box.write("notes/grüße & co?.txt", "päck it\n"))
    assert (await settle(box.run("cat ~/notes/'grüße & co?.txt'"))).stdout == "päck it\n"
    await settle(box.run("printf 'made inside' > ~/inside.txt"))
    assert await settle(box.read("inside.txt")) == b"made inside"


@case("files", "Sandbox.read")
async def what_cannot_be_read(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("ResourceNotFoundError", resource_type="file"):
        await settle(box.read("/no/such/file"))
    with kit.raises("SandboxOperationError", operation="read"):
        await settle(box.read("/etc"))


@case("files", "Sandbox.write")
async def what_cannot_be_written(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("SandboxOperationError", operation="write"):
        await settle(box.write("/etc", b"a folder is there"))
    with kit.raises("SandboxOperationError", operation="write"):
        await settle(box.write("/etc/passwd/here", b"a file is there"))


@case("files", "Sandbox.read", "Sandbox.write")
async def files_of_a_sandbox_that_has_ended(kit: Kit) -> None:
    box = await settle(kit.client.create_sandbox(template_name=await kit.template()))
    await settle(kit.client.delete_sandbox(box.name))
    with kit.raises("ResourceNotFoundError"):
        await settle(box.read("/etc/passwd"))
    with kit.raises("ResourceNotFoundError"):
        await settle(box.write("/tmp/late", b""))
