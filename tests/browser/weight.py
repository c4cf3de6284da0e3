"""What a page weighs on the wire: every answer with its head, as the browser counted it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.async_api import Page


@dataclass
class Weight:
    """Bytes by address, since ``of``."""

    parts: dict[str, int] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def of(cls, page: Page) -> Weight:
        """Begin to weigh what the page loads."""
        weight = cls()
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        session.on("Network.responseReceived", weight._named)
        session.on("Network.loadingFinished", weight._loaded)
        return weight

    def _named(self, event: dict[str, Any]) -> None:
        self._names[event["requestId"]] = urlsplit(event["response"]["url"]).path

    def _loaded(self, event: dict[str, Any]) -> None:
        name = self._names.get(event["requestId"], "")
        self.parts[name] = self.parts.get(name, 0) + int(event["encodedDataLength"])

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return sum(self.parts.values())

    def told(self) -> str:
        """The heaviest parts."""
        heaviest = sorted(self.parts.items(), key=lambda part: -part[1])[:12]
        return f"{self.total} bytes:\n" + "\n".join(f"{size:9d} {name}" for name, size in heaviest)
