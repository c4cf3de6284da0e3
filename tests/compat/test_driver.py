"""The driver itself: what it finds in a release, what it counts as a call, and what it does not let pass."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.compat.driver import surface
from tests.compat.driver.judge import applies, judge
from tests.compat.driver.kit import each, entered
from tests.compat.driver.registry import Case, case
from tests.compat.driver.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.compat.driver.kit import Kit

_SOURCE = """
class Client:
    def __enter__(self): return self.inner()
    def __exit__(self, *_): pass
    def make(self, name, *, size=1): return self.inner()
    def inner(self): return self
    def _hidden(self): pass
class AsyncClient:
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
    async def aclose(self): pass
class Record:
    def __iter__(self): return iter((1, 2))
    @property
    def size(self): return 3
    @classmethod
    def from_dict(cls, data): return cls()
class Trouble(Exception):
    def explain(self): pass
__all__ = ["Client", "AsyncClient", "Record", "Trouble"]
"""


@pytest.fixture
def release() -> Any:
    """A release in small."""
    module = ModuleType("langsmith.small")
    exec(_SOURCE, module.__dict__)  # noqa: S102  # the text above
    return module


def test_it_works(release: Any) -> None:
    shared = {"Record.__iter__", "Record.size", "Record.from_dict"}
    both = {"Client.__enter__", "Client.__exit__"}
    assert set(surface.methods(release, "sync")) == shared | both | {"Client.make", "Client.inner"}
    assert set(surface.methods(release, "async")) == shared | both | {"Client.close"}
    assert surface.parameters(release)["Client.make"] == ["name", "size"]
    assert surface.errors(release) == ["Trouble"]


async def test_only_the_drivers_own_calls_count(release: Any) -> None:
    watch = Watch(surface.methods(release, "sync"))
    with watch.calls() as seen:
        release.Client().make("x")
        assert [thing async for thing in each(release.Record())] == [1, 2]
        async with entered(release.Client()):
            pass
    # Not make, which this module called, and not inner, which the client called itself.
    assert seen == {"Record.__iter__", "Client.__enter__", "Client.__exit__"}


def _case(story: Callable[[Kit], Awaitable[None]], *needs: str, served: bool = True) -> Case:
    return Case("client", ("Record.__iter__", "Record.missing"), story, needs, served)


async def _verdict(release: Any, story: Callable[[Kit], Awaitable[None]], *, served: bool = True) -> tuple[str, str]:
    known = surface.methods(release, "sync")
    found = await judge(_case(story, served=served), cast("Kit", None), known)
    assert list(found) == ["Record.__iter__"], "what the release does not have is not judged"
    return found["Record.__iter__"]["outcome"], found["Record.__iter__"]["detail"]


async def test_a_story_passes_only_if_it_called_what_it_judges(release: Any) -> None:
    async def calls(_kit: Kit) -> None:
        assert [thing async for thing in each(release.Record())]

    async def does_not(_kit: Kit) -> None:
        return

    async def fails(kit: Kit) -> None:
        await calls(kit)
        raise RuntimeError("on purpose")

    assert await _verdict(release, calls) == ("ok", "")
    assert await _verdict(release, calls, served=False) == ("refused", "")
    assert await _verdict(release, does_not) == ("failed", "does_not judges Record.__iter__ without calling it")
    outcome, detail = await _verdict(release, fails)
    assert outcome == "failed"
    assert "on purpose" in detail


def test_a_story_applies_where_the_release_has_what_it_needs(release: Any) -> None:
    async def story(_kit: Kit) -> None:
        return

    known, parameters = surface.methods(release, "sync"), surface.parameters(release)
    assert applies(_case(story), "sync", known, parameters)
    assert applies(_case(story, "Client.make(size)"), "sync", known, parameters)
    assert not applies(_case(story, "Client.make(colour)"), "sync", known, parameters)
    assert not applies(_case(story, "Client.paint"), "sync", known, parameters)
    assert not applies(Case("client", ("Client.paint",), story, (), served=True), "sync", known, parameters)


def test_a_group_must_be_known() -> None:
    with pytest.raises(ValueError, match="no group colours"):
        case("colours", "Client.make")
