"""Addresses of commands, below ``/t/<team>/sandboxes/<name>/``."""

from django.urls import path, register_converter

from dashboard.commands.address import CommandIdConverter
from dashboard.commands.list import COMMANDS
from dashboard.commands.views import command, kill, output, run
from dashboard.lists.urls import list_urls

register_converter(CommandIdConverter, "command")
urlpatterns = [
    *list_urls(COMMANDS, "commands/"),
    path("commands/run", run.command_run, name="command_run"),
    path("commands/<command:command_id>/", command.command, name="command"),
    path("commands/<command:command_id>/facts", command.command_facts, name="command_facts"),
    path("commands/<command:command_id>/kill", kill.command_kill, name="command_kill"),
    path("commands/<command:command_id>/output", output.command_output, name="command_output"),
]
