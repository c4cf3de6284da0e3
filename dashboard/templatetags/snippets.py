"""Filters that give templates the programs to copy, and the tag that shows an action in every language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from dashboard.resources import snippets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.teams.models import Team
    from sandboxcore.models import SandboxRecord

register = template.Library()
register.filter("connect_snippet", snippets.connect)
register.filter("create_snippet", snippets.make_sandbox)
register.filter("template_snippet", snippets.make_template)
register.filter("python_snippet", snippets.run_python)
register.filter("async_snippet", snippets.run_async)


@register.filter
def curl_snippet(team: Team, sandbox: SandboxRecord) -> str:
    """Running a command in the sandbox with curl."""
    return snippets.run_curl(team, sandbox)


@register.filter
def cli_snippet(team: Team, name: str) -> str:
    """Running a command in the sandbox with the command line."""
    return snippets.run_cli(team, name)


@register.inclusion_tag("frame/_copy_as.html", takes_context=True)
def copy_as(
    context: Mapping[str, Any],
    action: str,
    given: Mapping[str, Any] | None = None,
    *,
    shown: bool = False,
    what: str = "",
    **values: Any,
) -> dict[str, Any]:
    """``{% copy_as "sandbox.delete" name=sandbox.name %}``: tabs of programs, folded away unless ``shown``."""
    programs = snippets.copies(context["team"], action, **{**(given or {}), **values})
    return {"copies": programs, "key": action.replace(".", "-"), "shown": shown, "what": what}
