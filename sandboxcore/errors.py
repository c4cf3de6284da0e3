"""The tree of errors, one root for the whole package.

::

    SandboxError                            every error that this package raises on purpose
    └── SandboxClientError                  every error that the SDK raises
        ├── SandboxAPIError                 the API failed, or is not where it was looked for
        │   ├── InvalidResponseError        the server's answer is not what the protocol allows
        │   └── ExtensionUnsupportedError   the server speaks the dialect without this extension
        ├── SandboxAuthenticationError      the key is missing, wrong or not allowed
        ├── SandboxConnectionError          the server or the sandbox cannot be reached
        │   ├── SandboxServerReloadError    the server restarts; the command goes on
        │   └── StreamingUnsupportedError   there is no WebSocket here, so no streaming
        ├── ResourceNotFoundError
        ├── ResourceTimeoutError            not ready in time
        ├── ResourceInUseError              something else needs what was to be deleted
        ├── ResourceAlreadyExistsError      a create under a name that is taken
        ├── ResourceNameConflictError       a rename to a name that is taken
        ├── ResourceCreationError           provisioning failed
        ├── ValidationError                 a value that the server refuses
        ├── QuotaExceededError
        ├── DataplaneNotConfiguredError     the sandbox has no address for commands and files
        ├── SandboxNotReadyError
        ├── SandboxOperationError           a command or a file operation failed
        │   └── CommandTimeoutError
        └── TunnelError
            ├── TunnelPortNotAllowedError
            ├── TunnelConnectionRefusedError
            └── TunnelUnsupportedVersionError

Each class has a stable ``code``, and its data as fields. Runtimes and server add branches of their own below
``SandboxError``, beside the code that raises them.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar


class SandboxError(Exception):
    """Root of every error that this package raises on purpose."""

    code: ClassVar[str] = "error"
    """Stable name of the kind of error, for logs and for programs."""


class SandboxClientError(SandboxError):
    """Root of every error that the SDK raises."""

    code = "client_error"


class SandboxAPIError(SandboxClientError):
    """The API failed, or there is no such API at the address."""

    code = "api_error"


class InvalidResponseError(SandboxAPIError):
    """The server's answer is not what the protocol allows; ``field`` names the part that is wrong."""

    code = "invalid_response"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ExtensionUnsupportedError(SandboxAPIError):
    """The server speaks the API and lacks this extension of it; ``extension`` names it."""

    code = "extension_unsupported"

    def __init__(self, message: str, *, extension: str | None = None) -> None:
        super().__init__(message)
        self.extension = extension


class SandboxAuthenticationError(SandboxClientError):
    """The API key is missing, wrong, or not allowed to do this."""

    code = "authentication"


class SandboxConnectionError(SandboxClientError):
    """The server or the sandbox cannot be reached, or the connection to it was lost."""

    code = "connection"


class SandboxServerReloadError(SandboxConnectionError):
    """The server closed the connection because it restarts; the command goes on and can be attached to again."""

    code = "server_reload"


class StreamingUnsupportedError(SandboxConnectionError):
    """There is no WebSocket to stream over: the server has none, or the ``websockets`` package is missing.

    Nothing has been started when this is raised.
    """

    code = "streaming_unsupported"


class _ResourceError(SandboxClientError):
    """An error about one kind of resource."""

    def __init__(self, message: str, resource_type: str | None = None) -> None:
        super().__init__(message)
        self.resource_type = resource_type


class ResourceNotFoundError(_ResourceError):
    """There is no such resource; ``resource_type`` is sandbox, template, volume, pool or file."""

    code = "not_found"


class ResourceTimeoutError(_ResourceError):
    """The resource was not ready in time; ``last_status`` is the last status seen, where there is one."""

    code = "resource_timeout"

    def __init__(self, message: str, resource_type: str | None = None, last_status: str | None = None) -> None:
        super().__init__(message, resource_type)
        self.last_status = last_status

    def __str__(self) -> str:
        base = super().__str__()
        return f"{base} (last_status: {self.last_status})" if self.last_status else base


class ResourceInUseError(_ResourceError):
    """The resource cannot be deleted because something uses it."""

    code = "in_use"


class ResourceAlreadyExistsError(_ResourceError):
    """A resource cannot be created because its name is taken."""

    code = "already_exists"


class ResourceNameConflictError(_ResourceError):
    """A resource cannot be renamed because the new name is taken."""

    code = "name_conflict"


class ResourceCreationError(_ResourceError):
    """Provisioning failed; ``error_type`` is the wire protocol's word for why.

    For a sandbox ``ImagePull``, ``CrashLoop``, ``SandboxConfig`` or ``Unschedulable``; for a volume
    ``VolumeProvisioning``.
    """

    code = "creation_failed"

    def __init__(self, message: str, resource_type: str | None = None, error_type: str | None = None) -> None:
        super().__init__(message, resource_type)
        self.error_type = error_type

    def __str__(self) -> str:
        return _with_type(super().__str__(), self.error_type)


class ValidationError(SandboxClientError):
    """The server refuses a value; ``field`` names it and ``details`` holds the server's list of what is wrong."""

    code = "validation"

    def __init__(
        self,
        message: str,
        field: str | None = None,
        details: list[dict[str, Any]] | None = None,
        error_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.field = field
        self.details = details or []
        self.error_type = error_type


class QuotaExceededError(SandboxClientError):
    """A limit of the workspace is reached.

    ``quota_type`` is ``sandbox_count``, ``cpu``, ``memory``, ``volume_count``, ``storage``, or None where the server
    did not say which.
    """

    code = "quota_exceeded"

    def __init__(self, message: str, quota_type: str | None = None) -> None:
        super().__init__(message)
        self.quota_type = quota_type


class DataplaneNotConfiguredError(SandboxClientError):
    """The sandbox has no ``dataplane_url``, so neither commands nor files can be reached."""

    code = "no_dataplane"


class SandboxNotReadyError(SandboxClientError):
    """The sandbox is not ready yet, or has failed."""

    code = "not_ready"


class SandboxOperationError(SandboxClientError):
    """A command or a file operation failed.

    ``operation`` is ``command``, ``reconnect``, ``read``, ``write`` or None; ``error_type`` is the server's word.
    """

    code = "operation_failed"

    def __init__(self, message: str, operation: str | None = None, error_type: str | None = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.error_type = error_type

    def __str__(self) -> str:
        return _with_type(super().__str__(), self.error_type)


class CommandTimeoutError(SandboxOperationError):
    """A command ran longer than its ``timeout`` (seconds) and was killed with all that it had started."""

    code = "command_timeout"

    def __init__(self, message: str, timeout: float | None = None) -> None:
        super().__init__(message, operation="command", error_type="CommandTimeout")
        self.timeout = timeout


class TunnelError(SandboxClientError):
    """A TCP tunnel into a sandbox failed."""

    code = "tunnel"


class _TunnelPortError(TunnelError):
    """A tunnel cannot reach one ``port``."""

    def __init__(self, message: str, *, port: int) -> None:
        super().__init__(message)
        self.port = port

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), port=self.port), self.args


class TunnelPortNotAllowedError(_TunnelPortError):
    """The server does not let a tunnel reach this ``port``."""

    code = "tunnel_port_not_allowed"


class TunnelConnectionRefusedError(_TunnelPortError):
    """Nothing listens on this ``port`` inside the sandbox."""

    code = "tunnel_refused"


class TunnelUnsupportedVersionError(TunnelError):
    """Client and server speak different versions of the tunnel's protocol."""

    code = "tunnel_version"


def _with_type(message: str, error_type: str | None) -> str:
    return f"{message} [{error_type}]" if error_type else message
