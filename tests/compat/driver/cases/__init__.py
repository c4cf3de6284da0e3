"""The stories, one module a subject; each registers itself when it loads, in the order of the grid."""

from tests.compat.driver.cases import (
    clients,
    files,
    lifetimes,
    pools,
    quotas,
    running,
    sandboxes,
    services,
    snapshots,
    streams,
    templates,
    tunnels,
    volumes,
)

__all__ = [
    "clients",
    "files",
    "lifetimes",
    "pools",
    "quotas",
    "running",
    "sandboxes",
    "services",
    "snapshots",
    "streams",
    "templates",
    "tunnels",
    "volumes",
]
