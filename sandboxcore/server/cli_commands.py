"""What the commands of ``python -m sandboxcore.server`` do; each answers with what is printed as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError
from sandboxcore.server.clock import iso, now
from sandboxcore.server.errors import ConflictError
from sandboxcore.server.services import admin_keys, keys, workspace_ending, workspaces
from sandboxcore.server.services.admin_views import admin_key_view, key_view

if TYPE_CHECKING:
    import argparse

    from sandboxcore.server.db.engine import Database

ACTOR = "command line"
FIRST_WORKSPACE = "default"
FIRST_KEYS = {"api_key": False, "console_key": True}
"""The workspace's keys that ``init`` makes, and whether each may name the person it acts for."""
ADMIN_KEY = "admin_key"
MAX_INPUT = 64 * 1024


async def init(database: Database, options: argparse.Namespace) -> dict[str, str]:
    """``{"api_key", "console_key", "admin_key"}``: each is the known one while it lives, else one made now."""
    known = _known_keys(sys.stdin.read(MAX_INPUT))
    texts = {}
    for field, acts_for_people in FIRST_KEYS.items():
        text = known.get(field, "")
        if not await keys.has_living_key(database, _public_id(text)):
            made = await keys.create_key(
                database,
                workspace=options.workspace,
                name=field.removesuffix("_key"),
                actor=ACTOR,
                acts_for_people=acts_for_people,
            )
            text = made.text
        texts[field] = text
    admin_text = known.get(ADMIN_KEY, "")
    if not await admin_keys.has_living_admin_key(database, _public_id(admin_text)):
        admin_text = (await admin_keys.create_admin_key(database, actor=ACTOR, name="init")).new.text
    return {**texts, ADMIN_KEY: admin_text}


def _public_id(text: str) -> str:
    return text.split("_")[1] if text.count("_") >= 2 else ""


def _known_keys(text: str) -> dict[str, str]:
    """Keys of an earlier ``init``, as it printed them. Raises ``SandboxError``."""
    try:
        known = json.loads(text or "{}")
    except ValueError as error:
        raise SandboxError(
            f"standard input is not JSON ({error}); give what `init` printed before, or nothing"
        ) from None
    if not isinstance(known, dict):
        raise SandboxError("standard input must be the JSON object that `init` printed before, or nothing")
    return {field: str(known[field]) for field in (*FIRST_KEYS, ADMIN_KEY) if known.get(field)}


async def list_workspaces(database: Database, _options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every workspace, by name."""
    found, _ = await workspaces.list_workspaces(database)
    return [
        {"id": workspace.id, "name": workspace.name, "created_at": iso(workspace.created_at)} for workspace in found
    ]


async def create_workspace(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """The workspace made."""
    made = await workspaces.create_workspace(database, actor=ACTOR, name=options.name)
    return {"id": made.id, "name": made.name}


async def delete_workspace(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """Whether it is gone by now; what it holds is ended by a server that runs, or by the next one."""
    workspace = await workspaces.get_workspace(database, name=options.name)
    try:
        await workspace_ending.mark(database, actor=ACTOR, workspace_id=workspace.id, force=options.force)
    except ConflictError as error:
        raise SandboxError(error.message.replace("say force=true", "say --force")) from None
    left = await workspace_ending.finish(database, actor=ACTOR, workspace_id=workspace.id)
    return {"id": workspace.id, "name": workspace.name, "gone": left is None}


async def create_key(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """A workspace's key, with its text."""
    key = await keys.create_key(
        database,
        workspace=options.workspace,
        name=options.name,
        actor=ACTOR,
        scopes=options.scopes,
        acts_for_people=options.acts_for_people,
        expires_at=_end_of(options),
    )
    return {"workspace": options.workspace, "name": options.name, "id": key.public_id, "api_key": key.text}


async def list_keys(database: Database, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Keys of every workspace, or of one."""
    found = await keys.list_all_keys(database)
    return [
        {"workspace": workspace, **key_view(key)} for key, workspace in found if options.workspace in (None, workspace)
    ]


async def revoke_key(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """Whether there was a key that had not been revoked."""
    return {"revoked": await keys.revoke_key_anywhere(database, actor=ACTOR, key_id=options.public_id)}


async def create_admin_key(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """An admin key, with its text."""
    made = await admin_keys.create_admin_key(database, actor=ACTOR, name=options.name, expires_at=_end_of(options))
    return {"name": options.name, "id": made.new.public_id, "admin_key": made.new.text}


async def list_admin_keys(database: Database, _options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every admin key."""
    return [admin_key_view(key) for key in await admin_keys.list_admin_keys(database)]


async def revoke_admin_key(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """Whether it had not been revoked."""
    _, was_living = await admin_keys.revoke_admin_key(database, actor=ACTOR, key_id=options.public_id)
    return {"revoked": was_living}


def _end_of(options: argparse.Namespace) -> float | None:
    return None if options.expires_in is None else now() + options.expires_in
