"""What a terminal's page shows and takes, whichever way the page is driven."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.quiet_browser import Keyboard

WITHIN = 30.0

BUFFER = """() => {
  const buffer = __terminal.terminal.buffer.active;
  const lines = [];
  for (let row = 0; row < buffer.length; row += 1) {
    const line = buffer.getLine(row);
    const text = line.translateToString(true);
    if (line.isWrapped) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  return lines;
}"""


class Seen(Protocol):
    """What is needed of a page: Playwright's has it, and a quiet one."""

    @property
    def keyboard(self) -> Keyboard: ...
    async def evaluate(self, expression: str, arg: Any = None, /) -> Any: ...


async def until_true(page: Seen, script: str, argument: Any = None, *, within: float = WITHIN) -> None:
    """Wait until a page's answer is true. (Playwright's own wait needs eval, which the console's pages forbid.)"""
    deadline = time.monotonic() + within
    while not await page.evaluate(script, argument):
        assert time.monotonic() < deadline, f"never true: {script}"
        await asyncio.sleep(0.02)


class Screen:
    """Types as a person does and reads what the screen holds."""

    def __init__(self, page: Seen) -> None:
        self.seen = page

    async def type(self, text: str) -> None:
        await self.seen.keyboard.insert_text(text)

    async def run(self, command: str) -> None:
        """Type a command line and Enter."""
        await self.type(command)
        await self.seen.keyboard.press("Enter")

    async def start(self, program: str) -> None:
        """Run a program that reads what is typed; the shell's line editor, which reads keys raw, has let go by then."""
        await self.run(f"printf 'start''ed\\n'; {program}")
        await self.until_line("started")

    async def lines(self) -> list[str]:
        lines: list[str] = await self.seen.evaluate(BUFFER)
        return lines

    async def until(self, condition: Callable[[list[str]], Any], *, within: float = WITHIN) -> list[str]:
        """The screen's lines once they meet the condition."""
        deadline = time.monotonic() + within
        while True:
            lines = await self.lines()
            if condition(lines):
                return lines
            assert time.monotonic() < deadline, "the screen shows:\n" + "\n".join(lines[-60:])
            await asyncio.sleep(0.02)

    async def until_line(self, wanted: str, *, within: float = WITHIN) -> None:
        await self.until(lambda lines: wanted in lines, within=within)

    async def until_last_rows_hold(self, wanted: str, *, within: float = WITHIN) -> None:
        """Wait for text in the last rows, without reading thousands of lines from a page that is busy."""
        await self.until_true(
            """(wanted) => {
              const buffer = __terminal.terminal.buffer.active;
              for (let row = Math.max(0, buffer.length - 60); row < buffer.length; row += 1) {
                if (buffer.getLine(row).translateToString(true) === wanted) return true;
              }
              return false;
            }""",
            wanted,
            within=within,
        )

    async def until_true(self, script: str, argument: Any = None, *, within: float = WITHIN) -> None:
        """Wait until the page's answer is true."""
        await until_true(self.seen, script, argument, within=within)

    async def paste(self, text: str) -> None:
        """Paste as the browser does, without the system's clipboard."""
        await self.seen.evaluate(
            """(text) => {
              const data = new DataTransfer();
              data.setData("text/plain", text);
              const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
              document.querySelector(".xterm-helper-textarea").dispatchEvent(event);
            }""",
            text,
        )
