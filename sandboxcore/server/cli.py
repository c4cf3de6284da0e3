"""``python -m sandboxcore.server``: serve, and look after workspaces and keys.

==========================  ===========================================================================
``(nothing)`` or ``serve``  run the server
``init``                    make the first workspace and key, once; ``--credentials-file`` keeps the key
``keys create|list|revoke`` look after keys; a key's text is shown once, when it is made
==========================  ===========================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
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
    serve(create_app(settings, load_runtime(settings.runtime, settings.run_dir)), settings)


async def _run(settings: Settings, options: argparse.Namespace) -> Any:
    database = Database(settings.effective_database_url)
    try:
        await migrate(database)
        if options.command == "init":
            return await _init(database, options.credentials_file, options.workspace)
        if options.action == "create":
            return await _create_key(database, options)
        if options.action == "list":
            return await _list_keys(database)
        return {"revoked": await workspaces.revoke_key(database, public_id=options.public_id, actor=ACTOR)}
    finally:
        await database.close()


async def _init(database: Database, file: Path, workspace: str) -> dict[str, Any]:
    """Make workspace and key unless the file holds a key that still lives; what the file holds then."""
    kept = _read_credentials(file)
    public_id = str(kept.get("api_key", "")).split("_")[1:2]
    if public_id and await workspaces.has_living_key(database, public_id[0]):
        return kept | {"created": False}
    key = await workspaces.create_key(
        database, workspace=workspace, name="first key", actor=ACTOR, acts_for_people=True
    )
    credentials = {"workspace": workspace, "api_key": key.text}
    _write_private(file, credentials)
    return credentials | {"created": True}


def _read_credentials(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SandboxError(f"cannot read {file}: {error}; move it away to have a new key made") from None
    return kept if isinstance(kept, dict) else {}


def _write_private(file: Path, content: dict[str, Any]) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    draft = file.with_name(file.name + ".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(content, stream, indent=2)
        draft.replace(file)
    except OSError as error:
        raise SandboxError(f"cannot write {file}: {error}") from None


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
    init = commands.add_parser("init", help="make the first workspace and key, once")
    init.add_argument("--credentials-file", type=Path, required=True, help="where the key is kept, mode 0600")
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
