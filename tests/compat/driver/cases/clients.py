"""Making a client, closing it, and what it says when it cannot get in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.compat.driver.kit import entered, free_port, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit


@case("client", "SandboxClient.__enter__", "SandboxClient.__exit__")
async def endpoint_and_key_come_from_the_environment(kit: Kit) -> None:
    async with entered(kit.new_client()) as client:
        assert isinstance(await settle(client.list_templates()), list)


@case("client", "SandboxClient.close")
async def a_closed_client_sends_nothing(kit: Kit) -> None:
    client = kit.new_client(api_endpoint=kit.endpoint() + "/", api_key=kit.key(), timeout=5.0)
    assert isinstance(await settle(client.list_templates()), list)
    await settle(client.aclose() if kit.kind == "async" else client.close())
    with kit.raises("RuntimeError"):
        await settle(client.list_templates())


_LISTS = ("list_templates", "list_volumes", "list_pools", "list_sandboxes")


@case("client", *(f"SandboxClient.{name}" for name in _LISTS))
async def a_wrong_key_is_refused(kit: Kit) -> None:
    async with entered(kit.new_client(api_key="sbx_wrong_key")) as client:
        with kit.raises("SandboxAuthenticationError"):
            await settle(client.list_templates())
        with kit.raises("SandboxAuthenticationError"):
            await settle(client.list_volumes())
        with kit.raises("SandboxAuthenticationError"):
            await settle(client.list_pools())
        with kit.raises("SandboxAuthenticationError"):
            await settle(client.list_sandboxes())


@case("client", *(f"SandboxClient.{name}" for name in _LISTS))
async def a_wrong_address_is_named(kit: Kit) -> None:
    async with entered(kit.new_client(api_endpoint=kit.endpoint() + "/nothing-here")) as client:
        with kit.raises("SandboxAPIError"):
            await settle(client.list_templates())
        with kit.raises("SandboxAPIError"):
            await settle(client.list_volumes())
        with kit.raises("SandboxAPIError"):
            await settle(client.list_pools())
        with kit.raises("SandboxAPIError"):
            await settle(client.list_sandboxes())


@case("client", "SandboxClient.list_templates")
async def nobody_listens_there(kit: Kit) -> None:
    address = f"http://127.0.0.1:{free_port()}/v2/sandboxes"
    async with entered(kit.new_client(api_endpoint=address, max_retries=0)) as client:
        with kit.raises("SandboxConnectionError"):
            await settle(client.list_templates())


@case("client", "SandboxClient.get_sandbox", needs=("SandboxClient.get_sandbox(headers)",))
async def headers_of_one_request_win(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("SandboxAuthenticationError"):
        # In small letters: these releases merge names by their letters, and would send both keys.
        await settle(kit.client.get_sandbox(box.name, headers={"x-api-key": "sbx_wrong_key"}))
    found = await settle(kit.client.get_sandbox(box.name, headers={"X-Request-Id": "compat"}))
    assert found.id == box.id
