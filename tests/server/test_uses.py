"""Who uses templates and volumes, and how full volumes are: ``include=usage``, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import RuntimeUnavailableError
from tests.server.queries import statements
from tests.server.test_creating import with_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Inside

    Start = Callable[..., Awaitable[Inside]]


async def made(server: Inside, path: str, **body: Any) -> dict[str, Any]:
    answer = await server.client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def read(server: Inside, path: str, **params: Any) -> dict[str, Any]:
    answer = await server.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_it_works(inside: Start) -> None:
    server = await with_template(inside)
    await made(server, "/templates", name="unused", image="host")
    for name in ("one", "two"):
        await made(server, "/boxes", name=name, template_name="t")
    await made(server, "/pools", name="p", template_name="t", replicas=1)
    listed = await read(server, "/templates", include="usage")
    used = {template["name"]: template["used_by"] for template in listed["templates"]}
    assert used == {"t": {"sandboxes": 2, "pools": 1}, "unused": {"sandboxes": 0, "pools": 0}}
    assert listed["total"] == 2
    one = await read(server, "/templates/t", include="usage")
    assert one["used_by"] == {"sandboxes": 2, "pools": 1, "sandbox_names": ["one", "two"], "pool_names": ["p"]}


async def test_without_include_nothing_is_added_and_nothing_more_is_asked(inside: Start) -> None:
    server = await with_template(inside)
    await made(server, "/volumes", name="v", size="16Mi")
    for path in ("/templates", "/templates/t", "/volumes", "/volumes/v"):
        with statements() as asked:
            answer = await server.client.get(path)
        assert "used" not in answer.text
        assert not [statement for statement in asked if "count" in statement]


@pytest.mark.parametrize("path", ["/templates", "/templates/t", "/volumes", "/volumes/v"])
async def test_an_unknown_include_is_refused(inside: Start, path: str) -> None:
    server = await with_template(inside)
    await made(server, "/volumes", name="v", size="16Mi")
    answer = await server.client.get(path, params={"include": "everything"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "include"])


async def test_names_are_bounded_and_counts_are_not(inside: Start) -> None:
    server = await with_template(inside)
    await made(server, "/volumes", name="v", size="16Mi")
    mounts = [{"volume_name": "v", "mount_path": "/data"}, {"volume_name": "v", "mount_path": "/again"}]
    for number in range(102):
        await made(server, "/templates", name=f"t-{number}", image="host", volume_mounts=mounts[: 1 + number % 2])
    use = (await read(server, "/volumes/v", include="usage"))["used_by"]
    assert use["templates"] == [f"t-{number}" for number in range(100)]
    assert (use["template_count"], use["sandboxes"], use["sandbox_names"]) == (102, 0, [])


async def test_templates_are_sorted_by_how_many_sandboxes_use_them_page_by_page(inside: Start) -> None:
    server = await with_template(inside)
    for name, count in (("a", 2), ("b", 0), ("c", 3)):
        await made(server, "/templates", name=name, image="host")
        for _ in range(count):
            await made(server, "/boxes", template_name=name)
    ended = await made(server, "/boxes", template_name="b")
    await server.client.delete(f"/boxes/{ended['name']}")
    await made(server, "/pools", name="p", template_name="b", replicas=2)
    page = await read(server, "/templates", sort="-sandboxes", limit=2, include="usage")
    assert [(each["name"], each["used_by"]["sandboxes"]) for each in page["templates"]] == [("c", 3), ("a", 2)]
    rest = await read(server, "/templates", cursor=page["next_cursor"], include="usage")
    assert {(each["name"], each["used_by"]["sandboxes"]) for each in rest["templates"]} == {("b", 0), ("t", 0)}
    assert {each["used_by"]["pools"] for each in rest["templates"]} == {0, 1}
    assert rest["next_cursor"] is None


async def test_a_volume_tells_how_full_it_is_and_who_mounts_it(inside: Start) -> None:
    server = await with_template(inside)
    volume = await made(server, "/volumes", name="v", size="16Mi")
    await made(server, "/volumes", name="unmeasured", size="16Mi")
    server.runtime.volume_uses[volume["id"]] = (5_000, 16_000_000)
    await made(server, "/templates", name="m", image="host", volume_mounts=[{"volume_name": "v", "mount_path": "/d"}])
    for name in ("one", "two"):
        await made(server, "/boxes", name=name, template_name="m")
    listed = (await read(server, "/volumes", include="usage"))["volumes"]
    assert [(each["used_bytes"], each["usable_bytes"]) for each in listed] == [(5_000, 16_000_000), (None, None)]
    assert [each["used_by"] for each in listed] == [
        {"templates": ["m"], "template_count": 1, "sandboxes": 2},
        {"templates": [], "template_count": 0, "sandboxes": 0},
    ]
    one = await read(server, f"/volumes/{volume['id']}", include="usage")
    assert one["used_by"]["sandbox_names"] == ["one", "two"]


async def test_a_runtime_that_cannot_tell_leaves_the_rest(inside: Start) -> None:
    server = await inside()
    volume = await made(server, "/volumes", name="v", size="16Mi")
    server.runtime.volume_uses[volume["id"]] = (1, 2)
    for error in (RuntimeError("in an unknown way"), RuntimeUnavailableError("gone", remedy="wait")):
        server.runtime.volume_error = error
        one = await read(server, "/volumes/v", include="usage")
        assert (one["name"], one["used_bytes"], one["used_by"]["templates"]) == ("v", None, [])
    server.runtime.volume_error = None


async def test_a_page_takes_as_many_questions_as_a_row(inside: Start) -> None:
    server = await with_template(inside)
    counts = []
    for number in range(2):
        for each in range(20):
            await made(server, "/templates", name=f"t-{number}-{each}", image="host")
            await made(server, "/volumes", name=f"v-{number}-{each}", size="16Mi")
        with statements() as asked:
            await read(server, "/templates", include="usage")
            await read(server, "/volumes", include="usage")
        counts.append(len([statement for statement in asked if "api_keys" not in statement]))
    assert counts[0] == counts[1] <= 10
