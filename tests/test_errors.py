"""The tree of errors is the one that its docstring draws."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys

import pytest

import sandboxcore
from sandboxcore import errors
from sandboxcore.errors import (
    CommandTimeoutError,
    ResourceCreationError,
    ResourceTimeoutError,
    SandboxClientError,
    SandboxError,
    SandboxOperationError,
    SandboxServerReloadError,
    TunnelPortNotAllowedError,
    ValidationError,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, SandboxError) and not name.startswith("_")
}


def drawn() -> dict[str, str | None]:
    """Each class of the drawing and the class above it."""
    parents: dict[str, str | None] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^([ │├└─]*)([A-Z]\w+Error)\b", line)
        if not match:
            continue
        depth = len(match[1])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        parents[match[2]] = stack[-1][1] if stack else None
        stack.append((depth, match[2]))
    return parents


def test_it_works() -> None:
    assert issubclass(SandboxServerReloadError, errors.SandboxConnectionError)
    assert issubclass(CommandTimeoutError, SandboxOperationError)


def test_the_drawing_is_the_tree() -> None:
    parents = drawn()
    assert set(parents) == set(CLASSES)
    for name, parent in parents.items():
        above = [each.__name__ for each in CLASSES[name].__mro__[1:] if each.__name__ in CLASSES]
        assert above[:1] == ([parent] if parent else [])


def test_every_error_is_public_and_has_its_own_code() -> None:
    assert set(CLASSES) <= set(sandboxcore.__all__)
    codes = [each.code for each in CLASSES.values()]
    assert len(codes) == len(set(codes))


def test_fields_and_words() -> None:
    late = ResourceTimeoutError("late", "sandbox", last_status="provisioning")
    assert (str(late), late.resource_type) == ("late (last_status: provisioning)", "sandbox")
    failed = ResourceCreationError("failed", "sandbox", "ImagePull")
    assert (str(failed), failed.error_type) == ("failed [ImagePull]", "ImagePull")
    command = CommandTimeoutError("slow", timeout=5)
    assert (command.timeout, command.operation, command.error_type) == (5, "command", "CommandTimeout")
    assert ValidationError("bad").details == []
    assert TunnelPortNotAllowedError("no", port=22).port == 22


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_errors_survive_another_process(name: str) -> None:
    kind = CLASSES[name]
    error = kind("words", port=5) if "Port" in name or "Refused" in name else kind("words")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own
    assert (type(again), again.args, vars(again)) == (kind, error.args, vars(error))
    assert isinstance(error, SandboxClientError) or kind is SandboxError


def test_every_public_name_exists() -> None:
    for name in sandboxcore.__all__:
        assert getattr(sandboxcore, name).__name__ in {name, "Template"}
    assert set(sandboxcore.__all__) <= set(dir(sandboxcore))
    with pytest.raises(AttributeError, match="nothing"):
        _ = sandboxcore.nothing


def test_the_errors_cost_no_libraries() -> None:
    """Privileged processes import them with the standard library alone."""
    code = (
        "import sys; sys.path.insert(0, '.');"
        "import sandboxcore.errors, sandboxcore.models, sandboxcore.protocol.stream;"
        "assert not {'httpx', 'websockets', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
