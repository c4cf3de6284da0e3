"""What a small team would have: for pictures, weights and tests that look at every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandboxcore import VolumeMountSpec

if TYPE_CHECKING:
    from sandboxcore import SandboxClient

COMMANDS = (
    "python3 -c 'print(2 + 2)'",
    "seq 1 200",
    "ls -la /",
    "sh -c 'echo this goes wrong >&2; exit 3'",
)
SANDBOXES = (
    ("web-scraper", "python"),
    ("report-2026-11", "python"),
    ("ci-main", "build-and-test"),
    ("agent-7f3a", "python"),
)


def fill(client: SandboxClient) -> None:
    """Make volumes, templates, a pool, sandboxes, one that has ended, and commands. The image is ``host``."""
    client.create_volume("datasets", "2Gi")
    client.create_volume("build-cache", "512Mi")
    client.create_template("python", "host", cpu="500m", memory="512Mi")
    mounts = [VolumeMountSpec("datasets", "/data"), VolumeMountSpec("build-cache", "/var/cache/build")]
    client.create_template("build-and-test", "host", cpu="2", memory="2Gi", volume_mounts=mounts)
    for name, template in SANDBOXES:
        client.create_sandbox(template, name=name, ttl_seconds=8 * 3600, idle_ttl_seconds=3600)
    client.create_sandbox("python", name="nightly-import")
    client.delete_sandbox("nightly-import")
    scraper = client.get_sandbox("web-scraper")
    for command in COMMANDS:
        scraper.run(command)
    scraper.run("python3 -m http.server 8080 --directory /tmp", wait=False)
    client.create_pool("warm-python", "python", 1, timeout=60)
