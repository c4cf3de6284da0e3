"""Runtimes by name: the built-in ones, and those of other packages by entry point."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, cast

from sandboxcore.runtimes.base import RuntimeUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from sandboxcore.runtimes.base import Runtime

GROUP = "sandboxcore.runtimes"
"""Group of entry points; each names a callable that takes ``run_dir`` and returns a ``Runtime``."""

BUILT_IN = {
    "namespaces": "sandboxcore.runtimes.namespaces.driver:NamespacesRuntime",
    "process": "sandboxcore.runtimes.process.driver:ProcessRuntime",
}


def load(name: str, *, run_dir: Path, **options: Any) -> Runtime:
    """The runtime called ``name``, not started; ``options`` go to its factory.

    Raises ``RuntimeUnavailableError`` for a name that nothing provides, or whose module cannot be imported.
    """
    try:
        factory = _factory(name)
    except (ImportError, AttributeError) as error:
        remedy = "install what it needs, or set SANDBOXD_RUNTIME to another"
        raise RuntimeUnavailableError(f"the runtime {name!r} cannot be loaded: {error}", remedy=remedy) from error
    return cast("Runtime", factory(run_dir, **options))


def names() -> list[str]:
    """Every runtime that can be asked for."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def _factory(name: str) -> Any:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=GROUP, name=name):
        return point.load()
    known = ", ".join(names())
    raise RuntimeUnavailableError(
        f"there is no runtime {name!r}; there are {known}", remedy=f"set SANDBOXD_RUNTIME to one of {known}"
    )
