"""Each refusal becomes its documented error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore import errors
from sandboxcore.protocol.failures import (
    MAX_MESSAGE,
    Refusal,
    Reply,
    control_failure,
    operation_failure,
    quota_type,
    stream_failure,
    upgrade_failure,
)

BAD_VALUE = [{"type": "value_error", "loc": ["body", "resources", "cpu"], "msg": "too much"}]


def said(status: int, kind: str | None = None, message: str = "because") -> Reply:
    return Reply(status, json.dumps({"detail": {"error": kind, "message": message}}).encode())


def detail(status: int, value: Any) -> Reply:
    return Reply(status, json.dumps({"detail": value}).encode())


def test_it_works() -> None:
    error = control_failure(said(404), resource="volume", action="get", name="data")
    assert isinstance(error, errors.ResourceNotFoundError)
    assert (str(error), error.resource_type) == ("Volume 'data' not found", "volume")


@pytest.mark.parametrize(
    ("resource", "action", "reply", "expected", "fields"),
    [
        ("volume", "create", said(503), "ResourceCreationError", {"error_type": "VolumeProvisioning"}),
        ("volume", "create", said(504), "ResourceTimeoutError", {"resource_type": "volume"}),
        ("volume", "create", said(409), "ResourceAlreadyExistsError", {"resource_type": "volume"}),
        ("volume", "create", said(422), "ValidationError", {}),
        ("volume", "update", said(400), "ValidationError", {"error_type": "VolumeResize"}),
        ("volume", "update", said(409), "ResourceNameConflictError", {"resource_type": "volume"}),
        ("volume", "update", said(429, None, "storage"), "QuotaExceededError", {"quota_type": "storage"}),
        ("volume", "delete", said(409), "ResourceInUseError", {"resource_type": "volume"}),
        ("volume", "create", Reply(404), "SandboxAPIError", {}),
        ("template", "create", said(404), "ResourceNotFoundError", {"resource_type": "volume"}),
        ("template", "create", Reply(404), "SandboxAPIError", {}),
        ("template", "create", said(409), "ResourceAlreadyExistsError", {"resource_type": "template"}),
        ("template", "create", detail(422, BAD_VALUE), "ValidationError", {"field": "cpu", "details": BAD_VALUE}),
        ("template", "update", said(409), "ResourceNameConflictError", {"resource_type": "template"}),
        ("template", "delete", said(409), "ResourceInUseError", {"resource_type": "template"}),
        ("template", "list", Reply(404), "SandboxAPIError", {}),
        ("pool", "create", said(400, "TemplateNotFound"), "ResourceNotFoundError", {"resource_type": "template"}),
        ("pool", "create", said(400, "ValidationError"), "ValidationError", {"error_type": "ValidationError"}),
        ("pool", "create", said(409), "ResourceAlreadyExistsError", {"resource_type": "pool"}),
        ("pool", "create", said(504), "ResourceTimeoutError", {"resource_type": "pool"}),
        ("pool", "create", said(429, None, "CPU"), "QuotaExceededError", {"quota_type": "cpu"}),
        ("pool", "update", said(404), "ResourceNotFoundError", {"resource_type": "pool"}),
        ("pool", "update", said(504), "ResourceTimeoutError", {"resource_type": "pool"}),
        ("sandbox", "create", said(404), "ResourceNotFoundError", {"resource_type": "template"}),
        ("sandbox", "create", said(408), "ResourceTimeoutError", {"resource_type": "sandbox"}),
        ("sandbox", "create", said(409), "ResourceAlreadyExistsError", {"resource_type": "sandbox"}),
        ("sandbox", "create", detail(422, BAD_VALUE), "ValidationError", {"field": "cpu"}),
        ("sandbox", "create", said(422, "ImagePull"), "ResourceCreationError", {"error_type": "ImagePull"}),
        ("sandbox", "create", detail(422, "it broke"), "ResourceCreationError", {"error_type": None}),
        ("sandbox", "create", said(422, "ValidationError"), "ValidationError", {}),
        ("sandbox", "create", said(503), "ResourceCreationError", {"error_type": "Unschedulable"}),
        ("sandbox", "create", said(503, "CrashLoop"), "ResourceCreationError", {"error_type": "CrashLoop"}),
        ("sandbox", "create", Reply(503, b"<html>"), "SandboxConnectionError", {}),
        ("sandbox", "get", said(401), "SandboxAuthenticationError", {}),
        ("sandbox", "get", said(403), "SandboxAuthenticationError", {}),
        ("sandbox", "get", said(500), "SandboxAPIError", {}),
        ("sandbox", "get", said(502, "ConnectionError"), "SandboxConnectionError", {}),
        ("sandbox", "get", said(418), "SandboxClientError", {}),
    ],
)
def test_control_plane(resource: Any, action: Any, reply: Reply, expected: str, fields: dict[str, Any]) -> None:
    error = control_failure(reply, resource=resource, action=action, name="n")
    assert type(error).__name__ == expected
    assert {name: getattr(error, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("operation", "reply", "expected", "fields"),
    [
        ("write", said(400, "WriteError"), "SandboxOperationError", {"operation": "write", "error_type": "WriteError"}),
        ("read", said(400, "ReadError"), "SandboxOperationError", {"operation": "read", "error_type": "ReadError"}),
        ("command", said(400, "CommandError"), "SandboxOperationError", {"operation": "command"}),
        ("command", said(408, "CommandTimeout"), "CommandTimeoutError", {"error_type": "CommandTimeout"}),
        ("read", said(403), "SandboxOperationError", {"error_type": "PermissionDenied", "operation": "read"}),
        ("read", said(404), "ResourceNotFoundError", {"resource_type": "file"}),
        ("read", said(404, "SandboxNotFound"), "ResourceNotFoundError", {"resource_type": "sandbox"}),
        ("write", said(400, "FileNotFound"), "ResourceNotFoundError", {"resource_type": "file"}),
        ("command", said(404), "ResourceNotFoundError", {"resource_type": "sandbox"}),
        ("command", said(400, "NotReady"), "SandboxNotReadyError", {}),
        ("command", said(502, "ConnectionError"), "SandboxConnectionError", {}),
        ("command", said(401, "Unauthorized"), "SandboxAuthenticationError", {}),
        ("command", Reply(500), "SandboxAPIError", {}),
        ("write", said(413, "NoSpace"), "SandboxOperationError", {"error_type": "NoSpace"}),
        ("command", Reply(418), "SandboxClientError", {}),
    ],
)
def test_data_plane(operation: Any, reply: Reply, expected: str, fields: dict[str, Any]) -> None:
    error = operation_failure(reply, operation=operation, sandbox="box", path="/f")
    assert type(error).__name__ == expected
    assert {name: getattr(error, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(404), "StreamingUnsupportedError"),
        (detail(404, "Not Found"), "StreamingUnsupportedError"),
        (Reply(200), "StreamingUnsupportedError"),
        (Reply(426), "StreamingUnsupportedError"),
        (said(404, "SandboxNotFound"), "ResourceNotFoundError"),
        (said(404, "NotFound"), "StreamingUnsupportedError"),
        (said(400, "NotReady"), "SandboxNotReadyError"),
        (Reply(401), "SandboxAuthenticationError"),
        (Reply(403), "SandboxAuthenticationError"),
        (Reply(502), "SandboxConnectionError"),
        (Reply(500), "SandboxConnectionError"),
        (Reply(429), "SandboxConnectionError"),
    ],
)
def test_upgrades(reply: Reply, expected: str) -> None:
    assert type(upgrade_failure(reply, sandbox="box")).__name__ == expected


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Sandbox count quota exceeded", "sandbox_count"),
        ("sandbox limit", "sandbox_count"),
        ("CPU quota", "cpu"),
        ("memory", "memory"),
        ("volume count", "volume_count"),
        ("Storage quota", "storage"),
        ("slow down", None),
        ("sandbox storage", "storage"),
    ],
)
def test_kinds_of_quota(message: str, kind: str | None) -> None:
    assert quota_type(message) == kind


def test_stream_errors() -> None:
    lost = stream_failure("CommandNotFound", "x", command_id="c")
    assert isinstance(lost, errors.SandboxOperationError)
    assert (str(lost), lost.operation) == ("Command not found: c [CommandNotFound]", "reconnect")
    new = stream_failure("CommandError", "boom", command_id=None)
    assert isinstance(new, errors.SandboxOperationError)
    assert (str(new), new.operation) == ("boom [CommandError]", "command")


def test_long_messages_are_cut() -> None:
    assert len(str(control_failure(said(418, None, "x" * 10**6), resource="pool", action="get"))) == MAX_MESSAGE + 1
    assert len(str(stream_failure("CommandTimeout", "x" * 10**6, command_id="c"))) < MAX_MESSAGE + 50


@given(st.integers(100, 599), st.binary())
def test_any_body_gives_an_error(status: int, body: bytes) -> None:
    assert isinstance(control_failure(Reply(status, body), resource="pool", action="create"), errors.SandboxClientError)
    assert isinstance(operation_failure(Reply(status, body), operation="read", sandbox="b"), errors.SandboxClientError)
    assert isinstance(upgrade_failure(Reply(status, body), sandbox="b"), errors.SandboxClientError)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["detail", "error", "message", "loc"]), inner),
    )
)
def test_any_json_gives_a_refusal(body: Any) -> None:
    assert Refusal.parse(422, json.dumps(body).encode()).message
    assert Refusal.parse(422, json.dumps({"detail": body}).encode()).message
