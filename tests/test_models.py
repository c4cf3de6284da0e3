"""Objects from the wire: tolerant of what is new or missing, strict about types."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandboxcore.errors import InvalidResponseError
from sandboxcore.models import (
    ExecutionResult,
    Gap,
    OutputChunk,
    Pool,
    ResourceSpec,
    ResourceStatus,
    SandboxRecord,
    SandboxTemplate,
    Template,
    TemplateUsers,
    Volume,
    VolumeMountSpec,
    VolumeUsers,
    sandbox_fields,
)

MODELS: list[Any] = [Volume, Template, Pool, ResourceStatus, ExecutionResult, ResourceSpec, VolumeMountSpec]
MODELS += [TemplateUsers, VolumeUsers]


def test_it_works() -> None:
    template = Template.from_dict(
        {
            "id": "1",
            "name": "t",
            "image": "host",
            "resources": {"cpu": "1", "memory": "1Gi", "storage": "2Gi"},
            "volume_mounts": [{"volume_name": "v", "mount_path": "/v"}],
            "created_at": "then",
            "updated_at": "now",
        }
    )
    assert template == Template(
        "t", "host", ResourceSpec("1", "1Gi", "2Gi"), (VolumeMountSpec("v", "/v"),), "1", "then", "now"
    )


def test_defaults() -> None:
    assert Volume.from_dict({}) == Volume("", "unknown", "default")
    assert Template.from_dict({}) == Template("", "unknown", ResourceSpec("500m", "512Mi", None))
    assert Pool.from_dict({}) == Pool("", "", 0)
    assert ResourceStatus.from_dict({}) == ResourceStatus("provisioning", None)
    assert ExecutionResult.from_dict({}) == ExecutionResult("", "", -1)
    assert SandboxRecord(**sandbox_fields({})) == SandboxRecord("", "", status="ready")
    assert SandboxTemplate is Template


def test_unknown_and_null_fields_change_nothing() -> None:
    for model in MODELS:
        nulls = {each.name: None for each in fields(model)}
        assert model.from_dict({**nulls, "brand_new": {"x": [1]}}) == model.from_dict({})


@pytest.mark.parametrize(
    ("model", "data", "field"),
    [
        (Volume, {"name": 5}, "name"),
        (Volume, {"size": ["1Gi"]}, "size"),
        (Template, {"resources": {"cpu": 1}}, "cpu"),
        (Template, {"volume_mounts": {}}, "volume_mounts"),
        (Template, {"volume_mounts": ["/data"]}, "volume_mounts"),
        (Template, {"volume_mounts": [{"mount_path": 1}]}, "mount_path"),
        (Pool, {"replicas": "2"}, "replicas"),
        (Pool, {"replicas": True}, "replicas"),
        (Pool, {"replicas": 1.5}, "replicas"),
        (ResourceStatus, {"status": False}, "status"),
        (ExecutionResult, {"exit_code": "0"}, "exit_code"),
        (ExecutionResult, {"stdout": b"x"}, "stdout"),
    ],
)
def test_a_wrong_type_is_named(model: Any, data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidResponseError, match=field) as caught:
        model.from_dict(data)
    assert caught.value.field == field


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_what_is_no_object(data: Any) -> None:
    for model in (Volume, Pool, ResourceStatus, ExecutionResult, ResourceSpec, VolumeMountSpec):
        with pytest.raises(InvalidResponseError, match="object"):
            model.from_dict(data)
    with pytest.raises(InvalidResponseError, match="object"):
        sandbox_fields(data)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(MODELS),
    st.dictionaries(
        st.sampled_from(["name", "size", "replicas", "status", "resources", "volume_mounts", "exit_code", "cpu", "id"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    ),
)
def test_any_object_gives_a_model_or_a_clear_error(model: Any, data: dict[str, Any]) -> None:
    try:
        made = model.from_dict(data)
    except InvalidResponseError as error:
        made = error
    assert isinstance(made, model | InvalidResponseError)


def test_whole_numbers_may_come_as_floats() -> None:
    assert Pool.from_dict({"replicas": 2.0}).replicas == 2


def test_success() -> None:
    assert ExecutionResult("", "", 0).success
    assert not ExecutionResult("", "", 1).success


def test_models_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Pool("p", "t", 1).replicas = 2  # type: ignore[misc]


def test_a_gap_is_a_chunk_without_text() -> None:
    gap = Gap("stderr", 3, 9)
    assert isinstance(gap, OutputChunk)
    assert (gap.stream, gap.data, gap.offset, gap.start, gap.end) == ("stderr", "", 3, 3, 9)
    assert gap == Gap("stderr", 3, 9) != Gap("stderr", 3, 10)
    assert gap != OutputChunk("stderr", "", 3)
    assert repr(gap) == "Gap(stream='stderr', data='', offset=3, end=9)"


def test_a_volume_with_who_uses_it() -> None:
    users = {"templates": ["t"], "template_count": 1, "sandboxes": 2, "sandbox_names": ["a", "b"]}
    body = {"name": "v", "size": "1Gi", "used_bytes": 5, "usable_bytes": None, "used_by": users}
    volume = Volume.from_dict(body)
    assert (volume.used_bytes, volume.usable_bytes) == (5, None)
    assert volume.used_by == VolumeUsers(("t",), 1, 2, ("a", "b"))
    assert Volume.from_dict({"name": "v", "size": "1Gi"}).used_by is None
    with pytest.raises(InvalidResponseError):
        Volume.from_dict(body | {"used_by": []})


def test_a_template_with_who_uses_it() -> None:
    template = Template.from_dict({"name": "t", "used_by": {"sandboxes": 1}})
    assert template.used_by == TemplateUsers(sandboxes=1)
    with pytest.raises(InvalidResponseError):
        Template.from_dict({"name": "t", "used_by": {"sandboxes": "one"}})
