"""`make down`: end every sandbox of a run folder, whether or not its host runs.

``python -m sandboxcore.runtimes.namespaces.cleanup --run-dir DIR --state-dir DIR``. Ends only processes that the
records prove to be ours, by id and start time, and removes only what lies in our own folders and control groups.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from sandboxcore.runtimes.namespaces import cgroups, host, image, probe, ranges, settings
from sandboxcore.runtimes.namespaces.events import Events
from sandboxcore.runtimes.namespaces.records import Records
from sandboxcore.runtimes.namespaces.sandboxes import Means, Sandboxes

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 60.0
"""Seconds for everything to end."""

logger = logging.getLogger("cleanup")


def means_to_end(chosen: settings.Settings) -> Means:
    """Enough of what the machine offers to remove what was made with it; nothing is tried."""
    privileged = os.geteuid() == 0
    return Means(
        privileged=privileged,
        image=image.prepare(chosen.images),
        layer="directory",
        owned_lower=False,
        groups=cgroups.detect(host.instance_of(chosen.run_dir)) if privileged else None,
        ranges=ranges.Ranges() if privileged else None,
        ids=None if privileged else probe.own_ids([]),
    )


def end_all(chosen: settings.Settings) -> int:
    """End and remove every sandbox; returns how many are left when time is up."""
    events = Events()
    means = means_to_end(chosen)
    sandboxes = Sandboxes(events, Records(chosen.records), chosen, means)
    host.handle_signals(events)
    sandboxes.adopt_all()
    left = sandboxes.destroy_all(events.stop)
    if left():
        events.later(PATIENCE, events.stop)
        events.run()
    if means.groups is not None and not left():
        means.groups.remove()
    return left()


def main(arguments: Sequence[str]) -> int:
    """Entry point; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="cleanup: %(message)s", stream=sys.stderr)
    chosen = settings.parse(arguments, "cleanup")
    if not chosen.records.is_dir():
        return 0
    try:
        chosen.prepare()
        host.take_lock(chosen.lock)
    except BlockingIOError:
        logger.error("a host still serves %s; end it first", chosen.run_dir)  # noqa: TRY400 - no trace needed
        return host.EXIT_USAGE
    left = end_all(chosen)
    if left:
        logger.error("%d sandboxes did not end within %.0f s; run this again", left, PATIENCE)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
