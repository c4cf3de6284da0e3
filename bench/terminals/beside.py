"""The console's terminal beside others in one run: the same browser, shell, size and keys for each."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from bench.terminals.products import LINE_BYTES, console, terminado, wetty
from tests.chromium import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager

    from playwright.async_api import BrowserContext

    from bench.figures import Series
    from bench.terminals.browser import Screen
    from bench.terminals.products import Product

    Start = Callable[[], AbstractContextManager[Product]]

DONE = "all-of-it"


@dataclass(frozen=True)
class Size:
    """How much is done."""

    keys: int = 300
    file_bytes: int = 100_000_000
    terminals: int = 10
    settle: float = 2.0
    """Seconds before memory is looked at."""


@dataclass(frozen=True)
class Row:
    """One product."""

    name: str
    renderer: str
    echo: Series
    cat_seconds: float
    whole: bool
    """The file's last line stands above the marker and no error was thrown in the page meanwhile."""
    each_bytes: float
    all_bytes: int

    def text(self, size: Size) -> str:
        """One line of the table."""
        lost = "" if self.whole else " (output lost)"
        return (
            f"| {self.name} | {self.echo.median * 1e3:.1f} · {self.echo.percentile(0.99) * 1e3:.1f} ms"
            f" | {self.cat_seconds:.1f} s, {size.file_bytes / self.cat_seconds / 1e6:.1f} MB/s{lost}"
            f" | {self.each_bytes / 1e6:.2f} MB | {self.all_bytes / 1e6:.0f} MB | {self.renderer} |"
        )


def measure(size: Size, folder: Path | None = None) -> list[str]:
    """The table, a row a product. Programs of others are installed in ``folder``, or in one that is removed."""
    with _place(folder) as place:
        products = (console, partial(terminado, place / "terminado"), partial(wetty, place / "wetty"))
        rows = [measure_one(product, size) for product in products]
    return [
        f"| | keystroke echo p50 · p99 | `cat` of {size.file_bytes / 1e6:.0f} MB | memory a further terminal"
        f" | servers with {size.terminals} | drawn with |",
        "|---|---|---|---|---|---|",
        *(row.text(size) for row in rows),
    ]


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    place = folder or Path(tempfile.mkdtemp(prefix="bench-terminals-"))
    for name in ("terminado", "wetty"):
        (place / name).mkdir(parents=True, exist_ok=True)
    try:
        yield place
    finally:
        if folder is None:
            shutil.rmtree(place)


def measure_one(start: Start, size: Size) -> Row:
    """Each product is started twice, so that what was printed is not in the memory of idle terminals."""
    with start() as product:
        one, every = asyncio.run(_memory(product, size))
    with start() as product:
        cat_seconds, whole, echo, renderer = asyncio.run(_speed(product, size))
    return Row(product.name, renderer, echo, cat_seconds, whole, (every - one) / max(1, size.terminals - 1), every)


@asynccontextmanager
async def _browser() -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        yield await browser.new_context(viewport={"width": 1200, "height": 800})
        await browser.close()


async def _memory(product: Product, size: Size) -> tuple[int, int]:
    async with _browser() as context:
        screen = await product.open(context)
        await asyncio.sleep(size.settle)
        one = product.bytes_used()
        for _ in range(size.terminals - 1):
            await product.open_another(screen)
        await asyncio.sleep(size.settle)
        return one, product.bytes_used()


async def _speed(product: Product, size: Size) -> tuple[float, bool, Series, str]:
    path = product.prepare_file(size.file_bytes)
    async with _browser() as context:
        screen = await product.open(context)
        await screen.fit()
        seconds, whole = await _cat(screen, path, size)
        echo = await screen.echoes(product.name, size.keys)
        return seconds, whole, echo, await screen.renderer()


async def _cat(screen: Screen, path: str, size: Size) -> tuple[float, bool]:
    seconds = await screen.run(f"cat {path}; echo {DONE[:2]}''{DONE[2:]}", DONE)
    lines = await screen.last_lines(20)
    last = f"{size.file_bytes // LINE_BYTES:09} "
    return seconds, not screen.errors and lines[lines.index(DONE) - 1].startswith(last)
