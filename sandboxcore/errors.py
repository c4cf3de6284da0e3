"""The tree of errors."""


class SandboxError(Exception):
    """Root of every error that this package raises on purpose."""
