"""Bounding what callers write: quantities, names, paths. Each raises ``InvalidError``, which names the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandboxcore.runtimes import mount_paths
from sandboxcore.server import names, quantity
from sandboxcore.server.errors import InvalidError

if TYPE_CHECKING:
    from sandboxcore.server.config import Settings

LEAST_CPU = "10m"
LEAST_BYTES = "16Mi"


@dataclass(frozen=True, slots=True)
class WantedResources:
    """Quantities as they were written, checked."""

    cpu: str
    memory: str
    storage: str


def check_name(text: str, *loc: str | int) -> str:
    """A valid name."""
    try:
        return names.check_name(text)
    except names.InvalidNameError as error:
        raise InvalidError(loc or ("body", "name"), str(error)) from None


def check_cpu(text: str, settings: Settings, *loc: str | int) -> str:
    """A processor share within bounds, as written."""
    try:
        quantity.bounded(
            quantity.parse_millis(text),
            text,
            least=(quantity.parse_millis(LEAST_CPU), LEAST_CPU),
            most=(quantity.parse_millis(settings.max_cpu), settings.max_cpu),
        )
    except quantity.QuantityError as error:
        raise InvalidError(loc, str(error)) from None
    return text


def check_size(text: str, most: str, *loc: str | int) -> str:
    """A size in bytes within bounds, as written."""
    try:
        quantity.bounded(
            quantity.parse_bytes(text),
            text,
            least=(quantity.parse_bytes(LEAST_BYTES), LEAST_BYTES),
            most=(quantity.parse_bytes(most), most),
        )
    except quantity.QuantityError as error:
        raise InvalidError(loc, str(error)) from None
    return text


def check_resources(cpu: str | None, memory: str | None, storage: str | None, settings: Settings) -> WantedResources:
    """A template's resources, with the defaults for what is not given."""
    return WantedResources(
        check_cpu(cpu or settings.default_cpu, settings, "body", "resources", "cpu"),
        check_size(memory or settings.default_memory, settings.max_memory, "body", "resources", "memory"),
        check_size(storage or settings.default_storage, settings.max_storage, "body", "resources", "storage"),
    )


def check_mount_path(path: str, *loc: str | int) -> str:
    """A path at which a volume may appear."""
    refused = mount_paths.refusal(path)
    if refused is not None:
        raise InvalidError(loc, refused)
    return path
