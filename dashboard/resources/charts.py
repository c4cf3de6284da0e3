"""What the charts of a sandbox and of a workspace show."""

from __future__ import annotations

from dashboard.charts.spec import Chart, Line, Mark

OF_SANDBOX = (
    Chart(
        "cpu",
        "Processor",
        "cpu",
        (Line("cpu_millis", "CPUs in use"),),
        limit="cpu_millis",
        marks=(Mark("throttled_seconds", "held back", "Held back by its limit for", "bar"),),
    ),
    Chart(
        "memory",
        "Memory",
        "bytes",
        (Line("memory_bytes", "In use"),),
        limit="memory_bytes",
        marks=(Mark("oom_kills", "killed", "Something was killed for want of memory", "cross"),),
    ),
    Chart("storage", "Disk", "bytes", (Line("storage_bytes", "Written"),), limit="storage_bytes"),
    Chart("pids", "Processes", "count", (Line("pids", "Running"),), limit="pids"),
    Chart(
        "network",
        "Network",
        "rate",
        (Line("rx_bytes_per_second", "Received"), Line("tx_bytes_per_second", "Sent")),
    ),
)
OF_WORKSPACE = (
    Chart("cpu", "Processor in use", "cpu", (Line("cpu_millis", "CPUs"),)),
    Chart("memory", "Memory in use", "bytes", (Line("memory_bytes", "Memory"),)),
)


def keys_of(charts: tuple[Chart, ...]) -> list[str]:
    """The columns that some charts draw."""
    return [key for chart in charts for key in chart.keys]
