"""A workspace of its own for each run, small enough that its limits can be reached."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack import Stack

LIMITS = {
    "max_sandboxes": 2,
    "max_cpu_millis": 1000,
    "max_memory_bytes": 2**30,
    "max_storage_bytes": 2**30,
    "max_volumes": 1,
}


@contextmanager
def small_workspace(stack: Stack) -> Iterator[str]:
    """An API key of a new workspace with ``LIMITS``; it ends afterwards with all that it holds."""
    admin_key = json.loads((stack.state_dir / "console-key.json").read_text())["admin_key"]
    base = stack.api_endpoint.removesuffix("/v2/sandboxes") + "/v2/admin"
    name = f"compat-{uuid4().hex[:10]}"
    with httpx.Client(base_url=base, headers={"X-Api-Key": admin_key}, timeout=60) as admin:
        admin.post("/workspaces", json={"name": name, "limits": LIMITS}).raise_for_status()
        try:
            made = admin.post(f"/workspaces/{name}/keys", json={"name": "driver", "scopes": ["read", "run", "manage"]})
            yield str(made.raise_for_status().json()["api_key"])
        finally:
            admin.delete(f"/workspaces/{name}", params={"force": True}).raise_for_status()
