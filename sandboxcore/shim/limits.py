"""The bounds that keep one sandbox's shim small, whatever runs in it and whoever connects."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, counts for each shim."""

    ring_bytes: int = 4 * MIB
    """Text kept of each stream."""
    least_ring_bytes: int = 256 * KIB
    """Text kept of each stream when ``buffered_bytes`` is used up."""
    buffered_bytes: int = 64 * MIB
    """Text kept in all; beyond it finished sessions keep less or nothing, then every stream keeps less."""
    read_bytes: int = 256 * KIB
    pipe_bytes: int = 512 * KIB
    """Size to which a pipe that fills is grown, where the kernel allows it."""
    batch_bytes: int = 256 * KIB
    """Output given to a connection at once."""
    stdin_bytes: int = 1 * MIB
    """Input waiting for one command before its sender is held back."""
    sessions: int = 256
    connections: int = 512
    file_operations: int = 32
    dialed: int = 256
    """TCP connections to programs in the sandbox."""
    tombstones: int = 4096
    """Expired sessions that are still told from ones that never were."""
    history_commands: int = 2048
    """Recorded commands that have ended and are remembered until they are written down elsewhere."""
    history_bytes: int = 1 * MIB
    """What may be remembered of them in all."""
    stall_seconds: float = 5
    """How long a pipe waits for a reader that takes nothing."""
    linger_seconds: float = 20
    """How long a pipe waits for readers that vanished; as long as a client's tries to reconnect."""
    survivor_seconds: float = 0.25
    """How long the exit of a command waits for its streams to end when a child of it keeps them open."""
    first_frame_seconds: float = 10
    farewell_seconds: float = 2
    """How long a closing connection waits for its peer."""
    default_ttl: float = 600
