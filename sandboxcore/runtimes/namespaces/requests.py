"""Reading the requests that reach the host: sandboxd is a client like any other, and is not believed to be well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandboxcore.runtimes.base import Resources, SandboxSpec, VolumeMount
from sandboxcore.runtimes.mount_paths import MAX_LENGTH, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1 << 20
MAX_ENVIRONMENT = 64
MAX_VARIABLE = 32 << 10
MAX_MOUNTS = 16
CPU_MILLIS = (10, 1_024_000)
MEMORY_BYTES = (16 * MIB, 1 << 44)
STORAGE_BYTES = (16 * MIB, 1 << 44)
VOLUME_BYTES = (16 * MIB, 1 << 44)
PIDS = (8, 1 << 20)
MAX_MEASURED = 50
"""Volumes that one request asks of: the host does nothing else meanwhile."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


class RequestError(ValueError):
    """A request that the host does not understand or allow; the message names the field."""


def is_id(value: str) -> bool:
    """Whether a sandbox or a volume could have this id."""
    return _ID.fullmatch(value) is not None


def sandbox_id(request: Mapping[str, Any]) -> str:
    """The field ``id``: a UUID in lower case, so also a harmless file name. Raises ``RequestError``."""
    return matching(request, "id", _ID, "a UUID in lower case")


def sandbox_ids(request: Mapping[str, Any], most: int) -> list[str]:
    """The field ``ids``: at most so many UUIDs. Raises ``RequestError``."""
    ids = request.get("ids")
    if not isinstance(ids, list) or len(ids) > most or not all(isinstance(each, str) and is_id(each) for each in ids):
        raise RequestError(f"ids must be a list of at most {most} UUIDs in lower case")
    return ids


def after(request: Mapping[str, Any]) -> str:
    """After which id a page begins; empty for the first page."""
    return text(request, "after", 64) if request.get("after") else ""


def volume_size(request: Mapping[str, Any]) -> int:
    """The field ``size_bytes`` of a volume. Raises ``RequestError``."""
    return integer(request, "size_bytes", VOLUME_BYTES)


def sandbox_spec(request: Mapping[str, Any]) -> SandboxSpec:
    """The field ``spec``. Raises ``RequestError``."""
    spec = mapping(request, "spec")
    return SandboxSpec(
        id=sandbox_id(spec),
        image=text(spec, "image", 512),
        resources=_resources(mapping(spec, "resources")),
        hostname=matching(spec, "hostname", _HOSTNAME, "a host name of at most 63 lower-case letters, digits and -"),
        env=_environment(spec),
        mounts=_mounts(spec),
    )


def _resources(fields: Mapping[str, Any]) -> Resources:
    return Resources(
        cpu_millis=integer(fields, "cpu_millis", CPU_MILLIS),
        memory_bytes=integer(fields, "memory_bytes", MEMORY_BYTES),
        storage_bytes=integer(fields, "storage_bytes", STORAGE_BYTES),
        pids=integer(fields, "pids", PIDS),
    )


def _environment(spec: Mapping[str, Any]) -> dict[str, str]:
    environment = spec.get("env", {})
    if not isinstance(environment, dict) or len(environment) > MAX_ENVIRONMENT:
        raise RequestError(f"env must be an object of at most {MAX_ENVIRONMENT} variables")
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            raise RequestError(f"env has a variable with the impossible name {name[:64]!r}")
        if not isinstance(value, str) or "\0" in value or len(value) > MAX_VARIABLE:
            raise RequestError(f"env {name} must be a text of at most {MAX_VARIABLE} characters without NUL")
    return environment


def _mounts(spec: Mapping[str, Any]) -> tuple[VolumeMount, ...]:
    mounts = spec.get("mounts", [])
    if not isinstance(mounts, list) or len(mounts) > MAX_MOUNTS:
        raise RequestError(f"mounts must be a list of at most {MAX_MOUNTS}")
    found = tuple(_mount(item) for item in mounts)
    if len({mount.path for mount in found}) < len(found):
        raise RequestError("mounts must each have a path of their own")
    return found


def _mount(item: object) -> VolumeMount:
    if not isinstance(item, dict):
        raise RequestError("a mount must be an object")
    path = text(item, "path", MAX_LENGTH)
    refused = refusal(path)
    if refused is not None:
        raise RequestError(f"path of a mount: {refused}")
    return VolumeMount(volume_id=matching(item, "volume_id", _ID, "a UUID in lower case"), path=path)


def mapping(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that is an object. Raises ``RequestError``."""
    value = fields.get(name)
    if not isinstance(value, dict):
        raise RequestError(f"{name} must be an object")
    return value


def text(fields: Mapping[str, Any], name: str, most: int) -> str:
    """A field that is a text of 1 to ``most`` characters. Raises ``RequestError``."""
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise RequestError(f"{name} must be a text of 1 to {most} characters")
    return value


def matching(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], described: str) -> str:
    """A field that is a text of a certain form. Raises ``RequestError``."""
    value = fields.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RequestError(f"{name} must be {described}")
    return value


def integer(fields: Mapping[str, Any], name: str, bounds: tuple[int, int]) -> int:
    """A field that is a whole number within bounds. Raises ``RequestError``."""
    value = fields.get(name)
    least, most = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RequestError(f"{name} must be a whole number from {least} to {most}")
    return value
