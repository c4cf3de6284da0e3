"""The parser, errors and exit codes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandboxcore.cli import codes
from sandboxcore.cli.main import main, parser
from sandboxcore.cli.printing import plain

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    below = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(below.choices)


def test_it_works(cli: Cli) -> None:
    assert cli("--version").startswith("sandbox ")
    assert "SANDBOX_ENDPOINT" in cli("--help")


@pytest.mark.parametrize("name", commands())
def test_every_command_is_documented_with_its_options(name: str) -> None:
    assert f"`sandbox {name}" in DOCUMENT, name
    options = [option for action in commands()[name]._actions for option in action.option_strings]
    for option in set(options) - {"-h", "--help"}:
        assert f"`{option}" in DOCUMENT, (name, option)


def test_every_exit_code_is_documented() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)}
    assert listed == {0, *(value for name, value in vars(codes).items() if name.isupper())}


def test_what_makes_no_sense_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["none-such"], ["run", "box"], ["run", "box", "--env", "x", "true"], ["tunnel", "box", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2, words
    assert "Traceback" not in capsys.readouterr().err


def test_a_server_that_is_not_there_is_5(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--endpoint", "http://127.0.0.1:9", "--api-key", "k", "list"]) == codes.UNREACHABLE
    assert capsys.readouterr().err.count("\n") == 1


def test_a_key_that_is_wrong_is_4(cli: Cli) -> None:
    cli("--api-key", "sbx_no", "list", code=codes.REFUSED)


def test_a_sandbox_that_is_not_there_is_3(cli: Cli) -> None:
    cli("delete", "none-such", code=codes.NOT_FOUND)


def test_names_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\x202eb\\x0a"
