"""Signals of a freshly forked process: the host, the shim and PID 1 each handle some, and no child may inherit that."""

from __future__ import annotations

import signal

HANDLED = (
    signal.SIGCHLD,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGPIPE,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGTTOU,
    signal.SIGXFSZ,
)
"""What any of them, or Python itself, handles or ignores."""


def reset() -> None:
    """Every handler as a new program has it, nothing blocked. Call first thing after a fork."""
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def reset_but_pipe() -> None:
    """The same for a process that goes on as Python: a broken pipe stays an error."""
    reset()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
