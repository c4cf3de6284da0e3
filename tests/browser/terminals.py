"""Terminals in a browser: opened in a sandbox of the module's team, read cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.terminal_page import Load, TerminalPage

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.pages import Pages
    from tests.browser.site import Site

BOX = "box"

# All that a person sees and a program relies on: both screens cell by cell, the cursor, modes, margins, saved cursor,
# the pen, character sets.
STATE = """() => {
  const { terminal } = __terminal;
  const core = terminal._core;
  const line = (buffer, row) => {
    const of = buffer.getLine(row);
    const cells = [];
    for (let column = 0; column < terminal.cols; column += 1) {
      const cell = of.getCell(column);
      const flags = [
        ...["isBold", "isItalic", "isDim", "isUnderline", "isBlink"],
        ...["isInverse", "isInvisible", "isStrikethrough", "isOverline"],
      ];
      const extended = cell.extended ?? {};
      const looks = [
        ...[cell.getChars(), cell.getWidth(), cell.getFgColorMode(), cell.getFgColor()],
        ...[cell.getBgColorMode(), cell.getBgColor()],
      ];
      const link = core._oscLinkService.getLinkData(extended.urlId)?.uri ?? "";
      const set = flags.map((flag) => +Boolean(cell[flag]())).join("");
      cells.push([...looks, set, extended.underlineStyle, extended.underlineColor, link].join("|"));
    }
    while (cells.length && cells.at(-1) === "|1|0|-1|0|-1|000000000|0|0|") cells.pop();
    return (of.isWrapped ? "+" : "-") + cells.join(" ");
  };
  const screen = (buffer, inner) => ({
    lines: Array.from({ length: buffer.length }, (_, row) => line(buffer, row)),
    cursor: [buffer.cursorX, buffer.cursorY, buffer.baseY],
    margins: [inner.scrollTop, inner.scrollBottom],
    saved: [inner.savedX, inner.savedY, inner.savedCurAttrData.fg, inner.savedCurAttrData.bg],
    tabs: Object.keys(inner.tabs).join(),
  });
  const { normal, alternate, active } = terminal.buffer;
  const pen = core._inputHandler._curAttrData;
  return {
    size: [terminal.rows, terminal.cols],
    active: active.type,
    normal: screen(normal, core._bufferService.buffers.normal),
    alternate: active.type === "alternate" ? screen(alternate, core._bufferService.buffers.alt) : null,
    modes: terminal.modes,
    inner: { ...core.coreService.decPrivateModes },
    hidden: core.coreService.isCursorHidden,
    mouse: [core.coreMouseService.activeProtocol, core.coreMouseService.activeEncoding],
    pen: [pen.fg, pen.bg],
    charsets: [core._charsetService.glevel, Boolean(core._charsetService.charset)],
    parser: core._inputHandler._parser.currentState,
  };
}"""


class Terminal(TerminalPage):
    """One person's page of a sandbox's terminals."""

    def __init__(self, page: Page, site: Site, box: str = BOX) -> None:
        super().__init__(page, None)  # type: ignore[arg-type]  # of a team's site, not of the whole installation
        self.site = site
        self.box = box

    async def begin(self, session: str = "") -> None:
        """Open the page, of one shell where one is named, and wait until its screen is there."""
        self.loads.append(Load())
        await self.page.goto(self.site.url(f"sandboxes/{self.box}/terminal/{session}"))
        await self.page.wait_for_url("**/terminal/*-*/")
        await self.until_state("connected")
        await self.until_live()

    async def until_prompt(self) -> None:
        await self.until(lambda lines: any(line.endswith(("# ", "$ ", "#", "$")) for line in lines))

    async def until_live(self) -> None:
        """Old output has been drawn."""
        await self.until_true(
            "!__terminal.pane.answers.replaying && __terminal.feed.settled"
            " && __terminal.feed.behind === 0 && !document.querySelector('[data-terminal-bar][data-state=connecting]')"
        )

    async def new_shell(self) -> None:
        """Another shell in a tab of its own, with a prompt."""
        before = self.session
        await self.page.click("[data-terminal-page] .terminal-tabs [data-do=new]")
        await self.page.wait_for_url(lambda address: before not in address)
        await self.until_true("__terminal.transport?.open && __terminal.feed.drawn > 0")
        await self.until_live()
        await self.until_prompt()
        await self.until_true("__terminal.pane.memory.kept >= 0")

    async def come_back(self) -> None:
        """Reload once the screen is kept, and wait until it is back."""
        await self.until_true("__terminal.pane.memory.kept >= 0")
        await self.reload()
        await self.until_live()

    async def state(self) -> dict[str, Any]:
        """The terminal as it is, once output has paused."""
        await self.until_quiet()
        found: dict[str, Any] = await self.page.evaluate(STATE)
        return found

    async def until_quiet(self) -> None:
        """Nothing was drawn for a while."""
        await self.page.evaluate(
            """async () => {
              let before = -1;
              while (before !== __terminal.feed.drawn || __terminal.feed.behind) {
                before = __terminal.feed.drawn;
                await new Promise((done) => setTimeout(done, 350));
              }
            }"""
        )

    @property
    def session(self) -> str:
        """The id of the shell that is looked at."""
        return self.page.url.rstrip("/").rsplit("/", 1)[1]


async def open_terminal(
    page_as: Pages, role: str = "member", session: str = "", box: str = BOX, **context: Any
) -> Terminal:
    """A fresh page of this person at the sandbox's terminal."""
    terminal = Terminal(await page_as(role, **context), page_as.site, box)
    await terminal.begin(session)
    return terminal


async def open_shell(page_as: Pages, role: str = "member", **context: Any) -> Terminal:
    """A fresh page of this person at a shell of its own."""
    terminal = await open_terminal(page_as, role, **context)
    await terminal.new_shell()
    return terminal


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Where two states differ, in words for a failed test."""
    found = [
        f"{key}: {before[key]} -> {after[key]}"
        for key in before
        if key not in ("normal", "alternate") and before[key] != after[key]
    ]
    for screen in ("normal", "alternate"):
        one, two = before[screen], after[screen]
        if one is None or two is None:
            continue
        found += [f"{screen}.{key}: {one[key]} -> {two[key]}" for key in one if key != "lines" and one[key] != two[key]]
        if len(one["lines"]) != len(two["lines"]):
            found.append(f"{screen}: {len(one['lines'])} -> {len(two['lines'])} lines")
        pairs = zip(one["lines"], two["lines"], strict=False)
        found += [f"{screen} line {row}:\n  {a[:300]}\n  {b[:300]}" for row, (a, b) in enumerate(pairs) if a != b][:4]
    return found
