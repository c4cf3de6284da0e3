"""One way to drive both kinds of client, so that each story is written once."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import socket
import sys
import time
import urllib.request
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from types import ModuleType

PATIENCE = 30.0
"""Seconds that a story waits for something that takes milliseconds."""


async def settle(value: Any) -> Any:
    """The value itself, or what it comes to when it is of the asynchronous kind."""
    return await value if inspect.isawaitable(value) else value


async def each(things: Any) -> AsyncIterator[Any]:
    """The items of either kind of iterable."""
    if hasattr(things, "__aiter__"):
        async for thing in things:
            yield thing
    else:
        for thing in things:
            yield thing


@asynccontextmanager
async def entered(thing: Any) -> AsyncIterator[Any]:
    """Either kind of context manager."""
    if hasattr(type(thing), "__aenter__"):
        async with thing as inner:
            yield inner
    else:
        with thing as inner:
            yield inner


def free_port() -> int:
    """A TCP port of this machine that nothing uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Unraised(AssertionError):  # noqa: N818  # read as a sentence in the report
    """A call that had to fail did not."""


class Kit:
    """What a story needs: the release's module, a client, names that nobody else uses, things to remove at the end."""

    def __init__(self, module: ModuleType, kind: str, known: Iterable[str]) -> None:
        self.sdk: Any = module
        self.kind = kind
        self.known = frozenset(known)
        self._made: list[tuple[str, str]] = []
        self.client = self.new_client()
        self.shared_template = ""
        self._shared: Any = None

    def new_client(self, **settings: Any) -> Any:
        """A client; endpoint and key come from the environment unless given."""
        name = "AsyncSandboxClient" if self.kind == "async" else "SandboxClient"
        return getattr(self.sdk, name)(**settings)

    def hasty_client(self) -> Any:
        """A client that repeats nothing: for answers that it would otherwise ask for four times."""
        return self.new_client(max_retries=0)

    def small_client(self, **settings: Any) -> Any:
        """A client of a workspace whose limits can be reached."""
        return self.new_client(api_key=os.environ["COMPAT_SMALL_KEY"], **settings)

    @staticmethod
    def endpoint() -> str:
        """The API's base address, as the client forms it."""
        return os.environ["LANGSMITH_ENDPOINT"] + "/v2/sandboxes"

    def raw(self, path: str) -> dict[str, Any]:
        """What the API itself answers, without the client."""
        request = urllib.request.Request(self.endpoint() + path, headers={"X-Api-Key": self.key()})  # noqa: S310
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found

    @staticmethod
    def key() -> str:
        """The API key."""
        return os.environ["LANGSMITH_API_KEY"]

    def record(self, name: str) -> Any:
        """A class of this kind of client, by its synchronous name."""
        return getattr(self.sdk, f"Async{name}" if self.kind == "async" else name)

    def name(self, what: str) -> str:
        """A new name."""
        return f"{what}-{uuid4().hex[:10]}"

    def later(self, kind: str, name: str) -> str:
        """Remove this template, volume, pool or sandbox when the run ends, if it still exists."""
        self._made.append((kind, name))
        return name

    async def template(self, **settings: Any) -> str:
        """A new template of this machine's own programs."""
        name = self.later("template", self.name("t"))
        await settle(self.client.create_template(name=name, image="host", **settings))
        return name

    async def sandbox(self) -> Any:
        """A sandbox that stories share; whoever uses it leaves it usable."""
        if self._shared is None:
            self.shared_template = await self.template()
            made = await settle(self.client.create_sandbox(template_name=self.shared_template))
            self.later("sandbox", made.name)
            self._shared = made
        return self._shared

    async def processes(self, box: Any) -> str:
        """The command lines of everything that runs in a sandbox, words parted by blanks."""
        return str((await settle(box.run("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"))).stdout)

    async def clean(self) -> None:
        """Remove what the stories left, the last first."""
        for kind, name in reversed(self._made):
            try:
                await settle(getattr(self.client, f"delete_{kind}")(name))
            except self.sdk.ResourceNotFoundError:
                continue
        await settle(self.client.aclose() if self.kind == "async" else self.client.close())

    @contextmanager
    def raises(self, error: str, **attributes: Any) -> Iterator[Any]:
        """The body must fail with exactly this error of the release (or a builtin), carrying these attributes."""
        expected = getattr(self.sdk, error, None) or getattr(sys.modules["builtins"], error)
        caught: list[BaseException] = []
        try:
            yield caught
        except expected as found:
            assert type(found) is expected, f"{type(found).__name__} in place of {error}: {found}"
            wrong = {name: getattr(found, name) for name, value in attributes.items() if getattr(found, name) != value}
            assert not wrong, f"{error} with {wrong} in place of {attributes}: {found}"
            caught.append(found)
            return
        raise Unraised(f"nothing failed where {error} was due")

    async def until(self, condition: Any, what: str) -> Any:
        """Wait for a call's answer to be true, and return it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = await settle(condition())
            if found:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {PATIENCE:g} seconds: {what}")
