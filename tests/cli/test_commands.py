"""run, attach, commands, kill."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.server.running import until

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


def test_it_works(cli: Cli) -> None:
    done = cli.run("run", "box", "--", "sh", "-c", "echo 'a  b'; echo oops >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("a  b\n", "oops\n", 7)


def test_one_word_is_the_shells_and_several_are_words(cli: Cli) -> None:
    assert cli("run", "box", "echo $((2 + 2)) | cat") == "4\n"
    assert cli("run", "box", "--", "echo", "$HOME;", "a b") == "$HOME; a b\n"


def test_variables_and_folder(cli: Cli) -> None:
    said = cli("run", "box", "--env", "A=1=2", "--env", "B=", "--cwd", "/tmp", "echo $A,$B,$PWD")
    assert said == "1=2,,/tmp\n"


def test_standard_input_is_given_on_and_ended(cli: Cli) -> None:
    words = "".join(f"wörd {number}\n" for number in range(5000))
    assert cli("run", "box", "cat", stdin=words) == words
    assert cli("run", "box", "--no-stdin", "cat", stdin=words) == ""


def test_output_comes_as_it_is_written(cli: Cli) -> None:
    process = cli.start("run", "box", "echo first; read line; echo got $line", stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "first\n"
    process.stdin.write("later\n")
    process.stdin.flush()
    assert process.stdout.readline() == "got later\n"
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 3), (signal.SIGTERM, 137)])
def test_signals_reach_the_command(cli: Cli, number: signal.Signals, code: int) -> None:
    process = cli.start("run", "box", "trap 'exit 3' INT; echo ready; while :; do sleep 0.1; done")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.wait(30) == code
    process.stdout.close()


def test_a_time_limit_ends_it(cli: Cli) -> None:
    done = cli.run("run", "box", "--timeout", "1", "sleep 30")
    assert done.returncode == 124
    assert done.stderr.count("\n") == 1


def test_detached_it_goes_on_and_can_be_attached_to(cli: Cli) -> None:
    command_id = cli("run", "box", "--detach", "echo one; sleep 0.2; echo two; exit 5").strip()
    assert cli("attach", "box", command_id, code=5) == "one\ntwo\n"


def test_attach_is_left_by_an_interrupt(cli: Cli) -> None:
    command_id = cli("run", "box", "--detach", "echo here; sleep 60").strip()
    process = cli.start("attach", "box", command_id)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()
    assert cli.client.get_command("box", command_id).status == "running"
    cli("kill", "box", command_id)
    until(lambda: cli.client.get_command("box", command_id).status == "killed", what="the kill")
    assert "does not run" in cli.run("kill", "box", command_id).stderr


def test_what_was_run_is_listed(cli: Cli) -> None:
    cli("run", "box", "true # listed")
    found = json.loads(cli("commands", "box", "--json"))
    assert any(each["command"] == "true # listed" for each in found)
    assert "true # listed" in cli("commands", "box")


def test_a_reader_that_leaves_ends_the_command(cli: Cli) -> None:
    process = cli.start("run", "box", "yes left")
    assert process.stdout is not None
    assert process.stdout.readline() == "left\n"
    process.stdout.close()
    assert process.wait(30) == 1
    until(
        lambda: all(each.status != "running" for each in cli.client.list_commands("box") if each.command == "yes left"),
        what="the end of the command",
    )


@pytest.mark.parametrize("words", [("run", "none-such", "true"), ("attach", "box", "none-such")])
def test_what_fails_before_the_command_is_125(cli: Cli, words: tuple[str, ...]) -> None:
    done = cli.run(*words)
    assert done.returncode == 125
    assert done.stderr.startswith("sandbox: ")
    assert done.stderr.count("\n") == 1
