"""``python -m sandboxcore.server``: serve, and look after workspaces and keys.

=================================  ====================================================================================
``(nothing)`` or ``serve``         run the server
``init``                           make the first workspace, its two keys and an admin key; those given on standard
                                   input that live are kept
``workspaces list|create|delete``  look after workspaces
``keys create|list|revoke``        look after workspaces' keys; a key's text is shown once, when it is made
``admin-keys create|list|revoke``  look after the admin API's keys
=================================  ====================================================================================

Each but ``serve`` works on the database alone, beside servers that run; they see a revoked key within a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from typing import TYPE_CHECKING

from sandboxcore.errors import SandboxError
from sandboxcore.server import cli_commands
from sandboxcore.server.auth import SCOPES
from sandboxcore.server.config import Settings
from sandboxcore.server.db.engine import Database
from sandboxcore.server.db.migrate import migrate
from sandboxcore.server.services.keys import MAX_LIFETIME_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = build_parser().parse_args(arguments)
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


async def _run(settings: Settings, options: argparse.Namespace) -> object:
    database = Database(settings.effective_database_url)
    try:
        await migrate(database)
        return await options.run(database, options)
    finally:
        await database.close()


def duration(text: str) -> int:
    """Seconds of a text like ``90d``, ``12h``, ``30m`` or ``45s``."""
    match = re.fullmatch(r"([1-9][0-9]{0,9})([smhd]?)", text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= MAX_LIFETIME_SECONDS:
        raise argparse.ArgumentTypeError(
            f"give a time like 90d, 12h, 30m or 45s, at most {MAX_LIFETIME_SECONDS // 86400}d"
        )
    return seconds


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(prog="sandboxd", description="The sandbox server. Settings: docs/sandboxd.md.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="run the server")
    init = commands.add_parser("init", help="make the first workspace and keys, but for living ones on stdin")
    init.add_argument("--workspace", default=cli_commands.FIRST_WORKSPACE)
    init.set_defaults(run=cli_commands.init)
    _add_workspaces(commands.add_parser("workspaces", help="look after workspaces"))
    _add_keys(commands.add_parser("keys", help="look after workspaces' keys"))
    _add_admin_keys(commands.add_parser("admin-keys", help="look after the admin API's keys"))
    return parser


def _add_workspaces(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="show every workspace").set_defaults(run=cli_commands.list_workspaces)
    create = actions.add_parser("create", help="make a workspace")
    create.add_argument("name")
    create.set_defaults(run=cli_commands.create_workspace)
    delete = actions.add_parser("delete", help="remove a workspace that holds nothing; a server carries it out")
    delete.add_argument("name")
    delete.add_argument("--force", action="store_true", help="end everything in it, for good")
    delete.set_defaults(run=cli_commands.delete_workspace)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key and show it, once")
    create.add_argument("--name", required=True)
    create.add_argument("--workspace", default=cli_commands.FIRST_WORKSPACE, help="made where there is none")
    create.add_argument("--scopes", nargs="+", choices=SCOPES, default=list(SCOPES))
    create.add_argument("--acts-for-people", action="store_true", help="it may name the person it acts for")
    create.add_argument("--expires-in", type=duration, metavar="TIME", help="like 90d or 12h; without it, never")
    create.set_defaults(run=cli_commands.create_key)
    listing = actions.add_parser("list", help="show keys, without their secrets")
    listing.add_argument("--workspace", help="only those of this workspace")
    listing.set_defaults(run=cli_commands.list_keys)
    revoke = actions.add_parser("revoke", help="end a key")
    revoke.add_argument("public_id")
    revoke.set_defaults(run=cli_commands.revoke_key)


def _add_admin_keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make an admin key and show it, once")
    create.add_argument("--name", required=True)
    create.add_argument("--expires-in", type=duration, metavar="TIME", help="like 90d or 12h; without it, never")
    create.set_defaults(run=cli_commands.create_admin_key)
    listing = actions.add_parser("list", help="show every admin key, without its secret")
    listing.set_defaults(run=cli_commands.list_admin_keys)
    revoke = actions.add_parser("revoke", help="end an admin key; the last living one is refused")
    revoke.add_argument("public_id")
    revoke.set_defaults(run=cli_commands.revoke_admin_key)
