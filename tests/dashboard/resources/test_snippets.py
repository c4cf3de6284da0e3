"""Programs to copy: each compiles, names what the SDK has, says what the page does, and hides no character."""

from __future__ import annotations

import ast
import inspect
import json
import shlex
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

import sandboxcore
from dashboard.resources.snippets import copies
from dashboard.resources.snippets.actions import CALLS
from sandboxcore.cli.main import parser

TEAM: Any = SimpleNamespace(api_endpoint="http://127.0.0.1:8001/v2/sandboxes")
HOSTILE = "a'b\"c\\d $(e) `f` \x1b[2J\u202eg\nh {0} %s"
VALUES: dict[str, dict[str, Any]] = {
    "sandbox.list": {},
    "sandbox.create": {"template": HOSTILE, "name": "box", "ttl_seconds": 3600, "idle_ttl_seconds": 0},
    "sandbox.run": {
        "name": "box",
        "command": HOSTILE,
        "cwd": "/x y",
        "env": {"A": HOSTILE},
        "timeout": 5,
        "dataplane_url": "http://127.0.0.1:8001/d",
    },
    "sandbox.service": {"name": "box", "port": 8080},
    "sandbox.lifetimes": {"name": "box", "ttl_seconds": 3600},
    "template.create": {"name": "t", "image": HOSTILE, "storage": "1Gi", "mounts": [("data", HOSTILE)]},
    "pool.create": {"template": "t"},
    "volume.create": {},
}
EVERY = [(action, VALUES.get(action, {"name": HOSTILE})) for action in CALLS]


def programs(action: str, values: dict[str, Any]) -> dict[str, str]:
    return {copy.key: copy.code for copy in copies(TEAM, action, **values)}


def test_it_works() -> None:
    found = programs("sandbox.create", {"template": "python", "name": "box", "ttl_seconds": 3600})
    assert 'sandbox = client.create_sandbox("python", name="box", ttl_seconds=3600)' in found["python"]
    assert 'sandbox = await client.create_sandbox("python", name="box", ttl_seconds=3600)' in found["async"]
    assert found["curl"].startswith("curl -X POST http://127.0.0.1:8001/v2/sandboxes/boxes")
    assert found["cli"].endswith("sandbox create python --name box --ttl 3600")


@pytest.mark.parametrize(("action", "values"), EVERY, ids=list(CALLS))
def test_both_programs_compile_and_call_what_the_sdk_has(action: str, values: dict[str, Any]) -> None:
    found = programs(action, values)
    for key, client in (("python", sandboxcore.SandboxClient), ("async", sandboxcore.AsyncSandboxClient)):
        tree = ast.parse(found[key])
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "client"
        ]
        assert calls, found[key]
        for call in calls:
            assert isinstance(call.func, ast.Attribute)
            signature = inspect.signature(getattr(client, call.func.attr))
            named = {str(word.arg): None for word in call.keywords}
            signature.bind(None, *call.args, **named)


@pytest.mark.parametrize(("action", "values"), EVERY, ids=list(CALLS))
def test_no_character_hides(action: str, values: dict[str, Any]) -> None:
    for code in programs(action, values).values():
        assert code.replace("\n", "").isprintable()


@pytest.mark.parametrize(("action", "values"), EVERY, ids=list(CALLS))
def test_curl_sends_exactly_the_values(action: str, values: dict[str, Any]) -> None:
    code = programs(action, values)["curl"]
    words = shell_words(code)
    assert words[0] == "curl"
    body = CALLS[action](**values).body
    if body is None:
        assert "-d" not in words
    else:
        assert json.loads(words[words.index("-d") + 1]) == body


@pytest.mark.parametrize(
    ("action", "values"), [(action, values) for action, values in EVERY if CALLS[action](**values).cli]
)
def test_the_command_line_takes_the_words(action: str, values: dict[str, Any]) -> None:
    line = programs(action, values)["cli"].partition("\n")[2]
    words = shell_words(line)
    assert words[0] == "sandbox"
    asked = vars(parser().parse_args(words[1:]))
    if action == "sandbox.run":
        assert (asked["name"], asked["words"], asked["cwd"]) == ("box", [HOSTILE], "/x y")
    if action == "sandbox.create":
        assert (asked["template"], asked["name"], asked["ttl"], asked["idle_ttl"]) == (HOSTILE, "box", 3600, 0)


def test_a_plain_command_keeps_its_words() -> None:
    assert programs("sandbox.run", {"name": "box"})["cli"].endswith("sandbox run box -- uname -a")


def test_an_unknown_action_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        copies(TEAM, "sandbox.explode")


def shell_words(line: str) -> list[str]:
    """The words that a real shell makes of a line."""
    program = f"set -- {line}\nprintf '%s\\0' \"$@\""
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, check=True, text=True, env={"LC_ALL": "C.UTF-8"}
    )
    return done.stdout.split("\0")[:-1]


def test_shell_words_reads_as_shlex_does() -> None:
    assert shell_words("a 'b c' \"d\"") == shlex.split("a 'b c' \"d\"")
