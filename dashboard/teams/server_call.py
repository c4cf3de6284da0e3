"""Asks a sandbox server what it enforces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from sandboxcore.errors import SandboxConnectionError

if TYPE_CHECKING:
    from dashboard.accounts.models import User
    from dashboard.teams.models import Team


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    runtime: str
    isolated: bool
    images: tuple[str, ...]
    notes: tuple[str, ...]
    problem: str
    remedy: str


async def fetch_capabilities(team: Team, actor: User) -> ServerCapabilities:
    async with httpx.AsyncClient(headers={"X-Api-Key": team.api_key}, timeout=5) as client:
        try:
            answer = await client.get(f"{team.api_endpoint}/capabilities")
            answer.raise_for_status()
            data = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SandboxConnectionError(str(error) or type(error).__name__) from error
    return ServerCapabilities(
        data["runtime"],
        data["isolated"],
        tuple(data.get("images") or ()),
        tuple(data.get("notes") or ()),
        data.get("problem") or "",
        data.get("remedy") or "",
    )
