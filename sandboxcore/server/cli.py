"""``python -m sandboxcore.server``: serve, and look after workspaces and keys.

==========================  ===========================================================================
``(nothing)`` or ``serve``  run the server
``init``                    make the first workspace and its two keys; those given on standard input that live are kept
``keys create|list|revoke`` look after keys; a key's text is shown once, when it is made
==========================  ===========================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from sandboxcore.errors import SandboxError
from sandboxcore.server.auth import SCOPES
from sandboxcore.server.clock import iso
from sandboxcore.server.config import Settings
from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import migrate
from sandboxcore.server.services import workspaces

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTOR = "command line"
FIRST_WORKSPACE = "default"
FIRST_KEYS = {"api_key": False, "console_key": True}
"""The keys that ``init`` makes, and whether each may name the person it acts for."""
MAX_INPUT = 64 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.load()
        if options.command in (None, "serve"):
            _serve(settings)
            return 0
        answer = asyncio.run(_run(settings, options))
    except SandboxError as error:
        print(f"sandboxd: {error}", file=sys.stderr)  # noqa: T201  # command line
        return 2
    print(json.dumps(answer, indent=2))  # noqa: T201  # command line
    return 0


def _serve(settings: Settings) -> None:
    from sandboxcore.server.app import create_app
    from sandboxcore.server.runtime import load_runtime
    from sandboxcore.server.serve import configure_logging, serve

    configure_logging(settings.log_level)
    # The server does this again, in its own loop; here a database that cannot be used is one clear line.
    asyncio.run(_prepare_database(settings))
    serve(create_app(settings, load_runtime(settings.runtime, settings.run_dir)), settings)


async def _prepare_database(settings: Settings) -> None:
    database = Database(settings.effective_database_url)
    try:
        await migrate(database)
    finally:
        await database.close()


async def _run(settings: Settings, options: argparse.Namespace) -> Any:
    database = Database(settings.effective_database_url)
    try:
        await migrate(database)
        if options.command == "init":
            return await _init(database, _known_keys(sys.stdin.read(MAX_INPUT)), options.workspace)
        if options.action == "create":
            return await _create_key(database, options)
        if options.action == "list":
            return await _list_keys(database)
        return {"revoked": await workspaces.revoke_key(database, public_id=options.public_id, actor=ACTOR)}
    finally:
        await database.close()


async def _init(database: Database, known: dict[str, str], workspace: str) -> dict[str, str]:
    """``{"api_key", "console_key"}``: each is the known one while it lives, else one made now."""
    keys = {}
    for field, acts_for_people in FIRST_KEYS.items():
        text = known.get(field, "")
        public_id = text.split("_")[1] if text.count("_") >= 2 else ""
        if not await workspaces.has_living_key(database, public_id):
            made = await workspaces.create_key(
                database,
                workspace=workspace,
                name=field.removesuffix("_key"),
                actor=ACTOR,
                acts_for_people=acts_for_people,
            )
            text = made.text
        keys[field] = text
    return keys


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
    return {field: str(known[field]) for field in FIRST_KEYS if known.get(field)}


async def _create_key(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    key = await workspaces.create_key(
        database,
        workspace=options.workspace,
        name=options.name,
        actor=ACTOR,
        scopes=options.scopes,
        acts_for_people=options.acts_for_people,
    )
    return {"workspace": options.workspace, "name": options.name, "id": key.public_id, "api_key": key.text}


async def _list_keys(database: Database) -> list[dict[str, Any]]:
    return [
        {
            "id": key.public_id,
            "name": key.name,
            "workspace": workspace,
            "scopes": key.scopes.split(","),
            "created_at": iso(key.created_at),
            "last_used_at": iso(key.last_used_at),
            "revoked_at": iso(key.revoked_at),
        }
        for key, workspace in await workspaces.list_keys(database)
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandboxd", description="The sandbox server. Settings: docs/sandboxd.md.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="run the server")
    init = commands.add_parser("init", help="make the first workspace and its keys, but for living ones on stdin")
    init.add_argument("--workspace", default=FIRST_WORKSPACE)
    actions = commands.add_parser("keys", help="look after keys").add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key and show it, once")
    create.add_argument("--name", required=True)
    create.add_argument("--workspace", default=FIRST_WORKSPACE)
    create.add_argument("--scopes", nargs="+", choices=SCOPES, default=list(SCOPES))
    create.add_argument("--acts-for-people", action="store_true", help="it may name the person it acts for")
    actions.add_parser("list", help="show every key, without its secret")
    actions.add_parser("revoke", help="end a key").add_argument("public_id")
    return parser
