"""Run untrusted code in sandboxes: the SDK.

``SandboxClient`` and ``AsyncSandboxClient`` are where to start. Names are imported when first used, so that the parts
of this package that may use the standard library alone do not pay for, or depend on, the client's libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandboxcore.administration import (
        AdminKey,
        ApiKey,
        Difference,
        LimitsAndHeld,
        NewAdminKey,
        NewApiKey,
        Reconciliation,
        Workspace,
        WorkspaceCounts,
        WorkspaceHeld,
        WorkspaceLimits,
    )
    from sandboxcore.client import (
        AdminClient,
        AsyncAdminClient,
        AsyncCommandHandle,
        AsyncEventFeed,
        AsyncSandbox,
        AsyncSandboxClient,
        AsyncServiceURL,
        AsyncTunnel,
        CommandHandle,
        EventFeed,
        Sandbox,
        SandboxClient,
        ServiceURL,
        Tunnel,
    )
    from sandboxcore.errors import (
        CommandTimeoutError,
        DataplaneNotConfiguredError,
        ExtensionUnsupportedError,
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
    from sandboxcore.journal import CommandRecord, Timeline, TimelineEntry
    from sandboxcore.metrics import (
        ListeningPort,
        MetricsPoint,
        PortList,
        ProcessList,
        SandboxHeld,
        SandboxMetrics,
        SandboxProcess,
        SandboxUsage,
        WorkspaceMetrics,
        WorkspacePoint,
    )
    from sandboxcore.models import (
        ExecutionResult,
        Gap,
        InputTaken,
        OutputChunk,
        Page,
        Pool,
        Resized,
        ResourceSpec,
        ResourceStatus,
        SandboxTemplate,
        ServerCapabilities,
        Skipped,
        Template,
        TemplateUsers,
        TerminalModes,
        Volume,
        VolumeMountSpec,
        VolumeUsers,
    )
    from sandboxcore.reports import (
        Event,
        EventPage,
        Limit,
        Limits,
        PastSandbox,
        PoolClaim,
        SandboxHistory,
        Usage,
        UsageRow,
    )
    from sandboxcore.summaries import FailedSandbox, IdleSandbox, Summary

__version__ = "0.1.0"

__all__ = [
    "AdminClient",
    "AdminKey",
    "ApiKey",
    "AsyncAdminClient",
    "AsyncCommandHandle",
    "AsyncEventFeed",
    "AsyncSandbox",
    "AsyncSandboxClient",
    "AsyncServiceURL",
    "AsyncTunnel",
    "CommandHandle",
    "CommandRecord",
    "CommandTimeoutError",
    "DataplaneNotConfiguredError",
    "Difference",
    "Event",
    "EventFeed",
    "EventPage",
    "ExecutionResult",
    "ExtensionUnsupportedError",
    "FailedSandbox",
    "Gap",
    "IdleSandbox",
    "InputTaken",
    "InvalidResponseError",
    "Limit",
    "Limits",
    "LimitsAndHeld",
    "ListeningPort",
    "MetricsPoint",
    "NewAdminKey",
    "NewApiKey",
    "OutputChunk",
    "Page",
    "PastSandbox",
    "Pool",
    "PoolClaim",
    "PortList",
    "ProcessList",
    "QuotaExceededError",
    "Reconciliation",
    "Resized",
    "ResourceAlreadyExistsError",
    "ResourceCreationError",
    "ResourceInUseError",
    "ResourceNameConflictError",
    "ResourceNotFoundError",
    "ResourceSpec",
    "ResourceStatus",
    "ResourceTimeoutError",
    "Sandbox",
    "SandboxAPIError",
    "SandboxAuthenticationError",
    "SandboxClient",
    "SandboxClientError",
    "SandboxConnectionError",
    "SandboxError",
    "SandboxHeld",
    "SandboxHistory",
    "SandboxMetrics",
    "SandboxNotReadyError",
    "SandboxOperationError",
    "SandboxProcess",
    "SandboxServerReloadError",
    "SandboxTemplate",
    "SandboxUsage",
    "ServerCapabilities",
    "ServiceURL",
    "Skipped",
    "StreamingUnsupportedError",
    "Summary",
    "Template",
    "TemplateUsers",
    "TerminalModes",
    "Timeline",
    "TimelineEntry",
    "Tunnel",
    "TunnelConnectionRefusedError",
    "TunnelError",
    "TunnelPortNotAllowedError",
    "TunnelUnsupportedVersionError",
    "Usage",
    "UsageRow",
    "ValidationError",
    "Volume",
    "VolumeMountSpec",
    "VolumeUsers",
    "Workspace",
    "WorkspaceCounts",
    "WorkspaceHeld",
    "WorkspaceLimits",
    "WorkspaceMetrics",
    "WorkspacePoint",
]

_MODELS = frozenset(
    {
        "ExecutionResult",
        "Gap",
        "InputTaken",
        "OutputChunk",
        "Page",
        "Pool",
        "Resized",
        "ResourceSpec",
        "ResourceStatus",
        "SandboxTemplate",
        "ServerCapabilities",
        "Skipped",
        "Template",
        "TemplateUsers",
        "TerminalModes",
        "Volume",
        "VolumeMountSpec",
        "VolumeUsers",
    }
)
_REPORTS = frozenset(
    {"Event", "EventPage", "Limit", "Limits", "PastSandbox", "PoolClaim", "SandboxHistory", "Usage", "UsageRow"}
)
_SUMMARIES = frozenset({"FailedSandbox", "IdleSandbox", "Summary"})
_METRICS = frozenset(
    {
        "ListeningPort",
        "MetricsPoint",
        "PortList",
        "ProcessList",
        "SandboxHeld",
        "SandboxMetrics",
        "SandboxProcess",
        "SandboxUsage",
        "WorkspaceMetrics",
        "WorkspacePoint",
    }
)
_JOURNAL = frozenset({"CommandRecord", "Timeline", "TimelineEntry"})
_ADMINISTRATION = frozenset(
    {
        "AdminKey",
        "ApiKey",
        "Difference",
        "LimitsAndHeld",
        "NewAdminKey",
        "NewApiKey",
        "Reconciliation",
        "Workspace",
        "WorkspaceCounts",
        "WorkspaceHeld",
        "WorkspaceLimits",
    }
)


_HOMES = {
    "reports": _REPORTS,
    "metrics": _METRICS,
    "journal": _JOURNAL,
    "summaries": _SUMMARIES,
    "administration": _ADMINISTRATION,
    "models": _MODELS,
}


def _home(name: str) -> str:
    """The module that defines a public name."""
    otherwise = "errors" if name.endswith("Error") else "client"
    return f"sandboxcore.{next((home for home, names in _HOMES.items() if name in names), otherwise)}"


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'sandboxcore' has no attribute {name!r}")
    value = getattr(import_module(_home(name)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
