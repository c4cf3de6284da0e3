"""Where in a sandbox a volume may appear: a rule for whoever writes templates and for whoever mounts."""

from __future__ import annotations

MAX_LENGTH = 1024
MAX_PART = 255
MAX_DEPTH = 32
CLOSED = (
    *("/proc", "/sys", "/dev"),
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec"),
)
"""Neither these nor anything below: what the kernel shows, and the programs that every command needs."""
WHOLE = ("/", "/boot", "/etc", "/run", "/usr", "/var")
"""Not as a whole; folders below may be mounted."""


def refusal(path: str) -> str | None:
    """Why no volume may be mounted at ``path``, or None where one may."""
    parts = path.split("/")[1:]
    if not path.startswith("/") or not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        return "a mount path is absolute and plain, like /data"
    too_long = len(path.encode()) > MAX_LENGTH or any(len(part.encode()) > MAX_PART for part in parts)
    if too_long or len(parts) > MAX_DEPTH:
        return f"a mount path has at most {MAX_LENGTH} bytes, {MAX_DEPTH} folders, and {MAX_PART} bytes in each"
    if path in WHOLE or any(path == closed or path.startswith(f"{closed}/") for closed in CLOSED):
        return f"no volume can be mounted at {path}, a part of the system; use a folder of its own, like /data"
    return None
