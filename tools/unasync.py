"""Write the synchronous client, and its tests, from the asynchronous ones.

    python tools/unasync.py            write
    python tools/unasync.py --check    say what differs, without writing; exit code 1 if anything does

The rules are words of Python, found with ``tokenize``: ``async`` and ``await`` go, names are exchanged. In strings and
comments the same rules apply to whole words. A rule that matches nothing anywhere is an error, and so is a word with
``async`` in it that no rule took away: both mean that this list and the code have parted.
"""

from __future__ import annotations

import argparse
import difflib
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = {
    "sandboxcore/client/_async": "sandboxcore/client/_sync",
    "tests/client/_async": "tests/client/_sync",
}
HEADER = "# Generated from {source} by tools/unasync.py: change that file, then run this tool.\n"

NAMES = {
    "AsyncAdminClient": "AdminClient",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncClient": "Client",
    "AsyncCommandHandle": "CommandHandle",
    "AsyncConnection": "Connection",
    "AsyncEvent": "Event",
    "AsyncEventFeed": "EventFeed",
    "AsyncHttp": "Http",
    "AsyncIterator": "Iterator",
    "AsyncJournal": "Journal",
    "AsyncLink": "Link",
    "AsyncList": "List",
    "AsyncLock": "Lock",
    "AsyncReports": "Reports",
    "AsyncSandbox": "Sandbox",
    "AsyncSandboxClient": "SandboxClient",
    "AsyncServiceURL": "ServiceURL",
    "AsyncTunnel": "Tunnel",
    "AsyncWebSocket": "WebSocket",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "_async": "_sync",
    "aclose": "close",
    "aiter_bytes": "iter_bytes",
    "anext": "next",
    "aread": "read",
    "async_abandon": "abandon",
    "async_abandon_http": "abandon_http",
    "async_client": "sync_client",
    "async_connect": "sync_connect",
    "async_current": "current",
    "async_outcome": "outcome",
    "async_settle": "settle",
    "async_sleep": "sleep",
    "async_wait": "wait",
    "asynchronous": "synchronous",
    "asyncio": "sync",
}
DROPPED = ("async", "await")
WORD = re.compile(r"\b(?:" + "|".join([*NAMES, *DROPPED]) + r")\b *")
LEFT_OVER = re.compile(r"\w*async\w*|\bawait\b", re.IGNORECASE)
ALLOWED = {"unasync"}
"""What may still have ``async`` in it afterwards."""


@dataclass(frozen=True)
class Edit:
    """Put ``text`` in place of the characters from ``start`` to ``end`` of the source."""

    start: int
    end: int
    text: str


class UnasyncError(Exception):
    """Rules and code do not fit each other."""


def translate(source: str, used: Counter[str]) -> str:
    """The synchronous form of ``source``; counts in ``used`` how often each rule applied."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    edits = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        begin = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        if token.type == tokenize.NAME:
            edits += _name_edit(source, token.string, begin, end, used)
        elif token.type in _TEXT_TOKENS:
            edits.append(Edit(begin, end, _replace_words(source[begin:end], used)))
    return _apply(source, edits)


_TEXT_TOKENS = {tokenize.STRING, tokenize.COMMENT} | {
    getattr(tokenize, name) for name in ("FSTRING_MIDDLE",) if hasattr(tokenize, name)
}


def _name_edit(source: str, word: str, begin: int, end: int, used: Counter[str]) -> list[Edit]:
    if word in DROPPED:
        used[word] += 1
        while source[end] == " ":
            end += 1
        return [Edit(begin, end, "")]
    if word in NAMES:
        used[word] += 1
        return [Edit(begin, end, NAMES[word])]
    return []


def _replace_words(text: str, used: Counter[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        word = match[0].rstrip(" ")
        used[word] += 1
        return "" if word in DROPPED else NAMES[word] + match[0][len(word) :]

    return WORD.sub(replace, text)


def _apply(source: str, edits: list[Edit]) -> str:
    parts = []
    position = 0
    for edit in edits:
        parts += [source[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, source[position:]])


def formatted(source: str, path: Path) -> str:
    """``source`` as the project's formatter writes it. Raises ``UnasyncError``."""
    ours = 'lint.isort.known-first-party = ["sandboxcore", "tests"]'  # known even before the files exist
    for arguments in (["check", "--select", "I", "--fix-only", "--quiet", "--config", ours], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(path), "-"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603
        if done.returncode:
            raise UnasyncError(f"{path}: {done.stderr.strip()}")
        source = done.stdout
    return source


def generate(trees: dict[str, str], root: Path = ROOT) -> dict[Path, str]:
    """Every generated file and its content. Raises ``UnasyncError``."""
    used: Counter[str] = Counter()
    files = {}
    for source_tree, target_tree in trees.items():
        sources = sorted((root / source_tree).rglob("*.py"))
        if not sources:
            raise UnasyncError(f"{source_tree} has no Python files")
        for source in sources:
            target = root / target_tree / source.relative_to(root / source_tree)
            body = translate(source.read_text(), used)
            left = {word for word in LEFT_OVER.findall(body) if word not in ALLOWED}
            if left:
                raise UnasyncError(f"{source.relative_to(root)}: no rule for {', '.join(sorted(left))}")
            header = HEADER.format(source=source.relative_to(root))
            files[target] = formatted(header + body, target)
    idle = [word for word in [*NAMES, *DROPPED] if not used[word]]
    if idle:
        raise UnasyncError(f"rules that matched nothing: {', '.join(idle)}")
    return files


def existing(trees: dict[str, str], root: Path = ROOT) -> dict[Path, str]:
    """Every file that is in the generated trees now, whatever it is; compiled Python apart."""
    return {
        path: path.read_text()
        for target in trees.values()
        for path in (root / target).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(wanted: dict[Path, str], found: dict[Path, str], root: Path = ROOT) -> list[str]:
    """One text for each file that is missing, extra or different."""
    texts = []
    for path in sorted(wanted.keys() | found.keys()):
        name = str(path.relative_to(root))
        if path not in found:
            texts.append(f"missing: {name}")
        elif path not in wanted:
            texts.append(f"extra: {name}")
        elif wanted[path] != found[path]:
            lines = difflib.unified_diff(
                found[path].splitlines(), wanted[path].splitlines(), name, "generated", lineterm="", n=1
            )
            texts.append("\n".join(lines))
    return texts


def write(wanted: dict[Path, str], found: dict[Path, str]) -> None:
    """Make the trees what they should be."""
    for path in found.keys() - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        if found.get(path) != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 if anything differs")
    check = parser.parse_args(arguments).check
    try:
        wanted = generate(TREES)
    except UnasyncError as error:
        sys.stderr.write(f"unasync: {error}\n")
        return 2
    found = existing(TREES)
    texts = differences(wanted, found)
    if not check:
        write(wanted, found)
        return 0
    sys.stderr.write("".join(f"{text}\n" for text in texts))
    return 1 if texts else 0


if __name__ == "__main__":
    sys.exit(main())
