"""What a person at a browser waits for, measured in the page: the same for any page that draws with xterm.js."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from bench.figures import Series

if TYPE_CHECKING:
    from playwright.async_api import Page

ROWS, COLS = 30, 100
CAT_WITHIN = 300.0
PAGE_WITHIN = 30.0
KEY_PAUSE = 60
"""Milliseconds between two keys."""
TRIES_TO_FIT = 12

# How much the window must grow for so many rows and columns.
MISSING = """([rows, cols]) => {
  const terminal = TERMINAL;
  const { width, height } = terminal._core._renderService.dimensions.css.cell;
  return [Math.round((cols - terminal.cols) * width), Math.round((rows - terminal.rows) * height)];
}"""

# From the event of the key to the moment at which the character stands in the buffer.
WATCH_ECHO = """() => {
  const terminal = TERMINAL;
  const place = () => {
    const { baseY, cursorY, cursorX } = terminal.buffer.active;
    return (baseY + cursorY) * terminal.cols + cursorX;
  };
  const start = place();
  const pressed = [];
  window.__echoes = [];
  window.addEventListener("keydown", (event) => pressed.push(event.timeStamp), { capture: true });
  terminal.onWriteParsed(() => {
    const now = performance.now();
    while (__echoes.length < pressed.length && __echoes.length < place() - start) {
      __echoes.push(now - pressed[__echoes.length]);
    }
  });
}"""

# From the event of the first key, which is Enter, to the first frame that has been drawn with the line in it.
WATCH_LINE = """(wanted) => {
  const terminal = TERMINAL;
  const shown = () => {
    const buffer = terminal.buffer.active;
    for (let row = Math.max(0, buffer.length - 2 * terminal.rows); row < buffer.length; row += 1) {
      if (buffer.getLine(row).translateToString(true) === wanted) return true;
    }
    return false;
  };
  let began;
  window.addEventListener("keydown", (event) => (began = event.timeStamp), { capture: true, once: true });
  window.__line = new Promise((done) => {
    const watching = terminal.onRender(() => {
      if (began === undefined || !shown()) return;
      watching.dispose();
      done(performance.now() - began);
    });
  });
}"""

LAST_LINES = """(count) => {
  const buffer = TERMINAL.buffer.active;
  const end = buffer.baseY + buffer.cursorY + 1;
  const lines = [];
  for (let row = Math.max(0, end - count); row < end; row += 1) {
    lines.push(buffer.getLine(row).translateToString(true));
  }
  return lines.filter(Boolean);
}"""

RENDERER = "() => (TERMINAL.element.querySelector('.xterm-screen canvas') ? 'WebGL' : 'elements')"


class Screen:
    """A page with a terminal that its script finds by ``expression``."""

    def __init__(self, page: Page, expression: str) -> None:
        self.page = page
        self._expression = expression
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def fit(self) -> None:
        """Give the window the size at which the terminal has ``ROWS`` and ``COLS``."""
        for _ in range(TRIES_TO_FIT):
            wide, high = await self._evaluate(MISSING, [ROWS, COLS])
            if not wide and not high:
                return
            size = self.page.viewport_size
            assert size is not None
            await self.page.set_viewport_size({"width": size["width"] + wide, "height": size["height"] + high})
            await asyncio.sleep(0.3)
        raise AssertionError(f"the terminal does not come to {ROWS} rows and {COLS} columns")

    async def run(self, line: str, shows: str) -> float:
        """Type a line and Enter; seconds from Enter to the frame with the line ``shows``."""
        await self.page.keyboard.insert_text(line)
        await self.until(f"(line) => ({LAST_LINES})(5).join('').includes(line)", line)
        await self._evaluate(WATCH_LINE, shows)
        await self.page.keyboard.press("Enter")
        async with asyncio.timeout(CAT_WITHIN):
            took: float = await self._evaluate("() => __line")
        return took / 1e3

    async def echoes(self, name: str, count: int) -> Series:
        """Type so many keys, each echoed by the kernel's terminal."""
        await self.run("stty -icanon; PS1=; clear; echo be''gin; cat >/dev/null", "begin")
        await self._evaluate(WATCH_ECHO)
        await self.page.keyboard.type("x" * count, delay=KEY_PAUSE)
        await self.until("(count) => __echoes.length === count", count)
        times: list[float] = await self._evaluate("() => __echoes")
        return Series(name, [each / 1e3 for each in times])

    async def last_lines(self, count: int) -> list[str]:
        """The screen's last lines down to the cursor, without empty ones."""
        lines: list[str] = await self._evaluate(LAST_LINES, count)
        return lines

    async def renderer(self) -> str:
        """What xterm.js draws with."""
        name: str = await self._evaluate(RENDERER)
        return name

    async def until(self, script: str, argument: object = None) -> None:
        """Wait until the page's answer is true."""
        deadline = time.monotonic() + PAGE_WITHIN
        while not await self._evaluate(script, argument):
            assert time.monotonic() < deadline, f"never true: {script}\n{await self.page.inner_text('body')}"
            await asyncio.sleep(0.02)

    async def until_prompt(self) -> None:
        """Wait for the shell."""
        await self.until(f"() => typeof ({self._expression.split('.')[0]}) !== 'undefined' && Boolean(TERMINAL)")
        await self.until(f"() => ({LAST_LINES})(3).some((line) => /[#$] ?$/.test(line))")

    async def _evaluate(self, script: str, argument: object = None) -> Any:
        return await self.page.evaluate(script.replace("TERMINAL", self._expression), argument)
