"""How each action is told to a person. ``record`` refuses an action that is not here."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    "team.created": "created the team",
    "team.connected": "connected the team to",
    "member.added": "added the member",
    "member.role_changed": "changed the role of",
    "member.removed": "removed the member",
    "template.created": "created the template",
    "template.updated": "renamed the template",
    "template.deleted": "deleted the template",
    "volume.created": "created the volume",
    "volume.grown": "grew the volume",
    "volume.renamed": "renamed the volume",
    "volume.deleted": "deleted the volume",
    "pool.created": "created the pool",
    "pool.scaled": "scaled the pool",
    "pool.paused": "paused the pool",
    "pool.renamed": "renamed the pool",
    "pool.deleted": "deleted the pool",
    "sandbox.created": "created the sandbox",
    "sandbox.updated": "changed the sandbox",
    "sandbox.deleted": "deleted the sandbox",
    "process.signalled": "ended a process in",
    "service.opened": "opened a preview of",
    "command.started": "ran a command in",
    "command.killed": "ended a command in",
    "terminal.opened": "opened a terminal in",
    "terminal.ended": "ended a terminal in",
}
