"""Filters that give templates the programs to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from dashboard.resources import snippets

if TYPE_CHECKING:
    from dashboard.teams.models import Team
    from sandboxcore.models import SandboxRecord

register = template.Library()
register.filter("connect_snippet", snippets.connect)
register.filter("create_snippet", snippets.make_sandbox)
register.filter("template_snippet", snippets.make_template)
register.filter("python_snippet", snippets.run_python)
register.filter("async_snippet", snippets.run_async)
register.filter("cli_snippet", snippets.run_cli)


@register.filter
def curl_snippet(team: Team, sandbox: SandboxRecord) -> str:
    """Running a command in the sandbox with curl."""
    return snippets.run_curl(sandbox)
