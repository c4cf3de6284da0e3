"""The requests of the control plane and of a sandbox's data plane, each with what its failures mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sandboxcore.protocol.failures import Action, Operation, Reply, Resource, control_failure, operation_failure
from sandboxcore.protocol.settings import path_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sandboxcore.errors import SandboxClientError
    from sandboxcore.models import ResourceSpec, VolumeMountSpec

CREATE_MARGIN = 30.0
"""Seconds that the HTTP timeout of a create exceeds the time that the server may wait."""
EXECUTE_MARGIN = 10.0
NO_LIMIT = float("inf")

_COLLECTIONS: dict[Resource, str] = {
    "volume": "/volumes",
    "template": "/templates",
    "pool": "/pools",
    "sandbox": "/boxes",
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """How to learn what became of a request whose answer was lost, when repeating it gives ``status``.

    With ``look``, that request's answer is taken, provided it has all of ``expect``; without it, the work is done.
    """

    status: int
    look: Call | None = None
    expect: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. ``path`` is below the API's base URL, or a whole URL; bodies stay out of the repr."""

    method: str
    path: str
    failure: Callable[[Reply], SandboxClientError] = field(repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    upload: bytes | None = field(default=None, repr=False)
    params: Mapping[str, str | list[str]] | None = field(default=None, repr=False)
    timeout: float | None = None
    """Seconds; None is the client's own timeout, ``NO_LIMIT`` none."""
    repeatable: bool = True
    """False if doing it twice is worse than not knowing whether it was done."""
    creates: bool = False
    settled: Settlement | None = None


def get_one(resource: Resource, name: str, *, include: str | None = None) -> Call:
    """Read one resource; ``include`` is what it is to tell beside itself."""
    return _named("GET", resource, "get", name, params={"include": include} if include else None)


def get_status(name: str) -> Call:
    """Read how far a sandbox's creation is."""
    return Call("GET", _path("sandbox", name) + "/status", _failure("sandbox", "get", name))


def list_all(resource: Resource) -> Call:
    """Read all resources of a kind."""
    return Call("GET", _COLLECTIONS[resource], _failure(resource, "list"))


def get_capabilities() -> Call:
    """Read what the server's runtime enforces; an extension, so other servers have no such address."""
    return Call("GET", "/capabilities", _failure("sandbox", "list"))


def delete(resource: Resource, name: str) -> Call:
    """Delete a resource; when repeated, its absence is success."""
    return _named("DELETE", resource, "delete", name, settled=Settlement(404))


def update(resource: Resource, name: str, changes: Mapping[str, Any]) -> Call:
    """Change a resource. After a rename whose answer was lost, the new name is looked up."""
    new_name = changes.get("name")
    settled = Settlement(404, get_one(resource, new_name), changes) if new_name else None
    return _named("PATCH", resource, "update", name, body=changes, settled=settled)


def grow_volume(name: str, size: str) -> Call:
    """Begin to let a volume grow, without waiting until it has."""
    return replace(update("volume", name, {"size": size}), body={"size": size, "wait_for_ready": False})


def create_volume(name: str, size: str, timeout: float, *, wait_for_ready: bool = True) -> Call:
    """Create a volume; it can be used when it is ready."""
    body = {"name": name, "size": size, "wait_for_ready": wait_for_ready, "timeout": timeout}
    return _create("volume", body, {"size": size}, timeout + CREATE_MARGIN)


def create_template(name: str, image: str, resources: ResourceSpec, mounts: Iterable[VolumeMountSpec]) -> Call:
    """Create a template."""
    limits = {"cpu": resources.cpu, "memory": resources.memory, "storage": resources.storage}
    body: dict[str, Any] = {"name": name, "image": image, "resources": {k: v for k, v in limits.items() if v}}
    volume_mounts = [{"volume_name": mount.volume_name, "mount_path": mount.mount_path} for mount in mounts]
    if volume_mounts:
        body["volume_mounts"] = volume_mounts
    return _create("template", body, {"image": image})


def create_pool(name: str, template_name: str, replicas: int, timeout: float, *, wait_for_ready: bool = True) -> Call:
    """Create a pool; it fills by itself."""
    asked = {"template_name": template_name, "replicas": replicas}
    body = {"name": name, **asked, "wait_for_ready": wait_for_ready, "timeout": timeout}
    return _create("pool", body, asked, timeout + CREATE_MARGIN)


def create_sandbox(
    name: str, template_name: str, *, timeout: float, wait_for_ready: bool, lifetimes: Mapping[str, int]
) -> Call:
    """Create a sandbox. The name is always given, so that a repeated request cannot make a second one."""
    body = {"template_name": template_name, "wait_for_ready": wait_for_ready, "name": name, **lifetimes}
    if wait_for_ready:
        body["timeout"] = timeout
    limit = timeout + CREATE_MARGIN if wait_for_ready else CREATE_MARGIN
    return _create("sandbox", body, {"template_name": template_name}, limit)


def execute(dataplane_url: str, sandbox: str, body: Mapping[str, Any], timeout: float) -> Call:
    """Run a command over HTTP. ``timeout`` is the command's own, 0 for none. Never repeated once it may have begun."""
    limit = timeout + EXECUTE_MARGIN if timeout else NO_LIMIT
    url = dataplane_url.rstrip("/") + "/execute"
    return Call("POST", url, _operation("command", sandbox), body=body, timeout=limit, repeatable=False)


def upload(dataplane_url: str, sandbox: str, path: str, content: bytes, timeout: float) -> Call:
    """Write a file."""
    url = dataplane_url.rstrip("/") + "/upload"
    failure = _operation("write", sandbox, path)
    return Call("POST", url, failure, upload=content, params={"path": path}, timeout=timeout)


def download(dataplane_url: str, sandbox: str, path: str, timeout: float) -> Call:
    """Read a file."""
    url = dataplane_url.rstrip("/") + "/download"
    return Call("GET", url, _operation("read", sandbox, path), params={"path": path}, timeout=timeout)


def _create(
    resource: Resource, body: Mapping[str, Any], expect: Mapping[str, Any], timeout: float | None = None
) -> Call:
    settled = Settlement(409, get_one(resource, body["name"]), expect)
    failure = _failure(resource, "create")
    path = _COLLECTIONS[resource]
    return Call("POST", path, failure, body=body, timeout=timeout, creates=True, settled=settled)


def _named(method: str, resource: Resource, action: Action, name: str, **more: Any) -> Call:
    return Call(method, _path(resource, name), _failure(resource, action, name), **more)


def _path(resource: Resource, name: str) -> str:
    return f"{_COLLECTIONS[resource]}/{path_segment(name)}"


def _failure(resource: Resource, action: Action, name: str = "") -> Callable[[Reply], SandboxClientError]:
    return partial(control_failure, resource=resource, action=action, name=name)


def _operation(operation: Operation, sandbox: str, path: str = "") -> Callable[[Reply], SandboxClientError]:
    return partial(operation_failure, operation=operation, sandbox=sandbox, path=path)
