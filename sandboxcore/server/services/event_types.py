"""Every type of event, each described in docs/sandboxd.md."""

from __future__ import annotations

from typing import Final

EVENT_TYPES: Final = frozenset(
    {
        "template.created",
        "template.renamed",
        "template.deleted",
        "volume.created",
        "volume.ready",
        "volume.failed",
        "volume.growing",
        "volume.grown",
        "volume.grow_failed",
        "volume.renamed",
        "volume.deleting",
        "volume.deleted",
        "pool.created",
        "pool.renamed",
        "pool.scaled",
        "pool.paused",
        "pool.resumed",
        "pool.failing",
        "pool.limited",
        "pool.recovered",
        "pool.warm_ready",
        "pool.warm_failed",
        "pool.warm_dropped",
        "pool.deleted",
        "sandbox.created",
        "sandbox.claimed",
        "sandbox.ready",
        "sandbox.failed",
        "sandbox.renamed",
        "sandbox.lifetimes_changed",
        "sandbox.deleting",
        "sandbox.deleted",
        "key.created",
        "key.updated",
        "key.rotated",
        "key.revoked",
        "workspace.created",
        "workspace.renamed",
        "workspace.limits_changed",
    }
)
