"""Addresses of what a sandbox uses, runs and listens on, below ``/t/<team>/sandboxes/``."""

from django.urls import path

from dashboard.resources.views import sandbox_metrics, sandbox_ports, sandbox_processes

urlpatterns = [
    path("<str:name>/metrics/", sandbox_metrics.sandbox_metrics, name="sandbox_metrics"),
    path("<str:name>/metrics/data", sandbox_metrics.sandbox_metrics_data, name="sandbox_metrics_data"),
    path("<str:name>/processes/", sandbox_processes.sandbox_processes, name="sandbox_processes"),
    path("<str:name>/processes/<int:pid>/end", sandbox_processes.process_end, name="process_end"),
    path("<str:name>/ports/", sandbox_ports.sandbox_ports, name="sandbox_ports"),
    path("<str:name>/ports/open", sandbox_ports.port_open, name="port_open"),
    path("<str:name>/ports/<int:port>/tunnel", sandbox_ports.port_connect, name="port_connect"),
]
