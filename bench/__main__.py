"""`make bench`: start the product as a user does, measure it, print the figures. Takes two minutes.

Latencies are given beside the floor of this machine (a plain ``sh -c true``) measured in the same run, because absolute
times differ between machines and from one minute to the next.
"""

from __future__ import annotations

import platform
import sys

from bench import bursts, console, lists, pools, reads, sandboxes, services, tunnels
from sandboxcore import SandboxClient
from tests.stack import Stack


def main() -> int:
    """Measure all."""
    with Stack.new() as stack, SandboxClient(api_endpoint=stack.api_endpoint, api_key=stack.api_key) as client:
        print(f"{platform.platform()}, Python {platform.python_version()}\n")
        sandboxes.prepare(client)
        floor = sandboxes.floor()
        print(floor.row())
        print(sandboxes.create_to_first_output(client).row(floor))
        print(sandboxes.run_true(client).row(floor))
        print(console.keystroke_echo(stack, client).row(floor))
        print(sandboxes.stream(client, stack))
        print("\n".join(tunnels.measure(client)))
        print("\n".join(services.measure(client)))
        print(sandboxes.idle_memory(client, stack))
        print(reads.reads(stack, client))
        print(bursts.parallel_creates(stack))
        print("\n".join(pools.measure(stack, floor)))
    print("\n".join(lists.measure()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
