"""Run untrusted code in sandboxes: the SDK.

``SandboxClient`` and ``AsyncSandboxClient`` are where to start. Names are imported when first used, so that the parts
of this package that may use the standard library alone do not pay for, or depend on, the client's libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandboxcore.client import (
        AsyncCommandHandle,
        AsyncSandbox,
        AsyncSandboxClient,
        CommandHandle,
        Sandbox,
        SandboxClient,
    )
    from sandboxcore.errors import (
        CommandTimeoutError,
        DataplaneNotConfiguredError,
        InvalidResponseError,
        QuotaExceededError,
        ResourceAlreadyExistsError,
        ResourceCreationError,
        ResourceInUseError,
        ResourceNameConflictError,
        ResourceNotFoundError,
        ResourceTimeoutError,
        SandboxAPIError,
        SandboxAuthenticationError,
        SandboxClientError,
        SandboxConnectionError,
        SandboxError,
        SandboxNotReadyError,
        SandboxOperationError,
        SandboxServerReloadError,
        StreamingUnsupportedError,
        TunnelConnectionRefusedError,
        TunnelError,
        TunnelPortNotAllowedError,
        TunnelUnsupportedVersionError,
        ValidationError,
    )
    from sandboxcore.models import (
        ExecutionResult,
        Gap,
        OutputChunk,
        Pool,
        ResourceSpec,
        ResourceStatus,
        Template,
        Volume,
        VolumeMountSpec,
    )
    from sandboxcore.models import Template as SandboxTemplate

__version__ = "0.1.0"

_CLIENT = [
    "AsyncCommandHandle",
    "AsyncSandbox",
    "AsyncSandboxClient",
    "CommandHandle",
    "Sandbox",
    "SandboxClient",
]
_ERRORS = [
    "CommandTimeoutError",
    "DataplaneNotConfiguredError",
    "InvalidResponseError",
    "QuotaExceededError",
    "ResourceAlreadyExistsError",
    "ResourceCreationError",
    "ResourceInUseError",
    "ResourceNameConflictError",
    "ResourceNotFoundError",
    "ResourceTimeoutError",
    "SandboxAPIError",
    "SandboxAuthenticationError",
    "SandboxClientError",
    "SandboxConnectionError",
    "SandboxError",
    "SandboxNotReadyError",
    "SandboxOperationError",
    "SandboxServerReloadError",
    "StreamingUnsupportedError",
    "TunnelConnectionRefusedError",
    "TunnelError",
    "TunnelPortNotAllowedError",
    "TunnelUnsupportedVersionError",
    "ValidationError",
]
_MODELS = [
    "ExecutionResult",
    "Gap",
    "OutputChunk",
    "Pool",
    "ResourceSpec",
    "ResourceStatus",
    "SandboxTemplate",
    "Template",
    "Volume",
    "VolumeMountSpec",
]
_HOME = (
    dict.fromkeys(_CLIENT, "sandboxcore.client")
    | dict.fromkeys(_ERRORS, "sandboxcore.errors")
    | dict.fromkeys(_MODELS, "sandboxcore.models")
)

__all__ = [*_CLIENT, *_ERRORS, *_MODELS]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'sandboxcore' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
