"""Lifetimes of sandboxes, in the releases that have them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.compat.driver.kit import entered, settle
from tests.compat.driver.registry import case

if TYPE_CHECKING:
    from tests.compat.driver.kit import Kit

_NEEDS = ("SandboxClient.create_sandbox(ttl_seconds)",)
_TOO_LONG = 100 * 365 * 86400


def _left(box: Any) -> float:
    """Seconds between a sandbox's creation and its end."""
    moments = [datetime.fromisoformat(text) for text in (box.created_at, box.expires_at)]
    return (moments[1] - moments[0]).total_seconds()


@case(
    "lifetimes",
    "SandboxClient.create_sandbox",
    "SandboxClient.sandbox",
    "SandboxClient.update_sandbox",
    needs=_NEEDS,
)
async def lifetimes_are_kept_and_changed(kit: Kit) -> None:
    template = await kit.template()
    made = await settle(kit.client.create_sandbox(template_name=template, ttl_seconds=3600, idle_ttl_seconds=600))
    kit.later("sandbox", made.name)
    assert (made.ttl_seconds, made.idle_ttl_seconds) == (3600, 600)
    assert 590 < _left(made) < 660, made.expires_at
    only_one = await settle(kit.client.update_sandbox(made.name, idle_ttl_seconds=0))
    assert (only_one.ttl_seconds, only_one.idle_ttl_seconds) == (3600, 0)
    assert 3590 < _left(only_one) < 3660, only_one.expires_at
    none = await settle(kit.client.update_sandbox(made.name, ttl_seconds=0))
    assert (none.ttl_seconds, none.idle_ttl_seconds, none.expires_at) == (0, 0, None)
    async with entered(await settle(kit.client.sandbox(template_name=template, ttl_seconds=120))) as box:
        assert box.ttl_seconds == 120
        assert box.expires_at


@case("lifetimes", "SandboxClient.create_sandbox", "SandboxClient.update_sandbox", needs=_NEEDS)
async def bad_lifetimes_are_refused(kit: Kit) -> None:
    box = await kit.sandbox()
    with kit.raises("ValueError"):
        await settle(kit.client.create_sandbox(template_name=kit.shared_template, ttl_seconds=61))
    with kit.raises("ValueError"):
        await settle(kit.client.update_sandbox(box.name, idle_ttl_seconds=-60))
    with kit.raises("ValidationError", field="ttl_seconds"):
        await settle(kit.client.create_sandbox(template_name=kit.shared_template, ttl_seconds=_TOO_LONG))
    with kit.raises("ValidationError", field="idle_ttl_seconds"):
        await settle(kit.client.update_sandbox(box.name, idle_ttl_seconds=_TOO_LONG))
