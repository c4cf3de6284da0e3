"""The query parameters of the four lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sandboxcore.server.services import keys, listing, workspaces
from sandboxcore.server.services.cursors import MAX_LENGTH, Cursor, Selection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.server.conftest import Inside

LISTS = {"boxes": "sandboxes", "templates": "templates", "volumes": "volumes", "pools": "pools"}
BAD = [
    ("limit", "0", "whole number from 1 to 1000"),
    ("limit", "1001", "whole number from 1 to 1000"),
    ("limit", "ten", "whole number from 1 to 1000"),
    ("limit", "", "whole number from 1 to 1000"),
    ("limit", "\uff11", "whole number from 1 to 1000"),
    ("offset", "-1", "whole number from 0 to 1000000"),
    ("offset", "1000001", "whole number from 0 to 1000000"),
    ("sort", "colour", "must be one of: created_at"),
    ("sort", "--name", "must be one of: created_at"),
    ("sort", "", "must be one of: created_at"),
    ("total", "yes", "true or false"),
    ("q", "x" * 201, "at most 200 characters"),
    ("q", "a\0", "NUL"),
    ("cursor", "", "next_cursor"),
    ("cursor", "abc", "no cursor of this server"),
    ("cursor", "é", "no cursor of this server"),
    ("cursor", "x" * (MAX_LENGTH + 1), "next_cursor"),
]


class Api:
    """A workspace with a few of everything."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.client: httpx.AsyncClient = inside.client

    async def get(self, path: str, parameters: Any = None) -> Any:
        answer = await self.client.get(f"/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def names(self, path: str, parameters: Any = None) -> list[str]:
        return [item["name"] for item in (await self.get(path, parameters))[LISTS[path]]]

    async def refused(self, path: str, parameters: Any) -> tuple[str, str]:
        answer = await self.client.get(f"/{path}", params=parameters)
        assert answer.status_code == 422, answer.text
        detail = answer.json()["detail"][0]
        assert detail["type"] == "value_error"
        assert detail["loc"][0] == "query"
        return detail["loc"][1], detail["msg"]

    async def make(self, path: str, body: dict[str, Any], actor: str = "") -> dict[str, Any]:
        headers = {"X-Sandbox-Actor": actor} if actor else {}
        answer = await self.client.post(f"/{path}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest_asyncio.fixture
async def api(inside: Callable[..., Awaitable[Inside]]) -> Api:
    api = Api(await inside())
    for name in ("beta", "alpha"):
        await api.make("volumes", {"name": f"volume-{name}", "size": "1Gi"})
    await api.make("templates", {"name": "plain", "image": "host"}, "Ann")
    mounts = [{"volume_name": "volume-beta", "mount_path": "/data"}]
    await api.make("templates", {"name": "full", "image": "python:3.12", "volume_mounts": mounts}, "Bob")
    for name in ("one", "two"):
        await api.make("pools", {"name": name, "template_name": "plain", "replicas": 1, "wait_for_ready": False})
    for name, template, ttl, actor in (("c", "plain", 600, "Ann"), ("a", "full", 0, "Bob"), ("b", "full", 60, "Ann")):
        body = {"name": name, "template_name": template, "ttl_seconds": ttl, "idle_ttl_seconds": 0}
        await api.make("boxes", body, actor)
    return api


@pytest.mark.parametrize("path", LISTS)
async def test_without_a_parameter_the_list_is_whole_and_says_nothing_more(api: Api, path: str) -> None:
    whole = await api.get(path)
    assert whole.keys() == {LISTS[path]}
    assert len(whole[LISTS[path]]) >= 2
    assert await api.get(path, {"unknown": "1"}) == whole


@pytest.mark.parametrize("path", LISTS)
async def test_with_a_parameter_items_are_the_same_and_their_number_is_told(api: Api, path: str) -> None:
    whole = await api.get(path)
    count = len(whole[LISTS[path]])
    assert await api.get(path, {"limit": "1000"}) == {**whole, "total": count, "next_cursor": None}
    assert await api.get(path, {"total": "false"}) == {**whole, "total": None, "next_cursor": None}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("chosen", [{}, {"sort": "-name"}])
async def test_pages_follow_one_another(api: Api, path: str, chosen: dict[str, str]) -> None:
    whole = await api.names(path, {"limit": "100", **chosen})
    first = await api.get(path, {"limit": "1", **chosen})
    found = [first]
    while found[-1]["next_cursor"]:
        found.append(await api.get(path, {"limit": "1", "cursor": found[-1]["next_cursor"]}))
    assert [item["name"] for page in found for item in page[LISTS[path]]] == whole
    assert {page["total"] for page in found} == {len(whole)}
    again = await api.get(path, {"limit": "1", "cursor": first["next_cursor"], **chosen})
    assert again == found[1]
    assert await api.names(path, {"offset": "1", **chosen}) == whole[1:]


@pytest.mark.parametrize("path", LISTS)
async def test_a_wrong_value_is_named(api: Api, path: str) -> None:
    for name, value, words in BAD:
        refused, message = await api.refused(path, {name: value})
        assert refused == name
        assert words in message, value


@pytest.mark.parametrize("path", LISTS)
async def test_every_order_that_is_offered_works(api: Api, path: str) -> None:
    _, message = await api.refused(path, {"sort": "?"})
    offered = message.removeprefix("must be one of: ").partition(";")[0].split(", ")
    assert {"name", "created_at"} <= set(offered)
    for sort in offered:
        ascending = await api.names(path, {"sort": sort})
        assert ascending == list(reversed(await api.names(path, {"sort": f"-{sort}"})))
        first = await api.get(path, {"sort": sort, "limit": "1"})
        rest = await api.names(path, {"cursor": first["next_cursor"]})
        assert [first[LISTS[path]][0]["name"], *rest] == ascending


NARROWED: list[tuple[str, Any, list[str]]] = [
    ("boxes", {"sort": "name"}, ["a", "b", "c"]),
    ("boxes", {"sort": "expires_at"}, ["b", "c", "a"]),
    ("boxes", {"sort": "-expires_at"}, ["a", "c", "b"]),
    ("boxes", {"template": "full", "sort": "name"}, ["a", "b"]),
    ("boxes", {"template": ["full", "plain"], "sort": "name"}, ["a", "b", "c"]),
    ("boxes", {"template": ["full", "plain"], "created_by": "Ann", "sort": "name"}, ["b", "c"]),
    ("boxes", {"created_by": "ann"}, []),
    ("boxes", {"q": "ANN", "sort": "name"}, ["b", "c"]),
    ("boxes", {"q": "ful", "sort": "name"}, ["a", "b"]),
    ("boxes", {"q": "%"}, []),
    ("boxes", {"q": "_"}, []),
    ("boxes", {"q": "", "template": "", "sort": "name"}, ["a", "b", "c"]),
    ("boxes", {"status": ["ready", "failed"], "sort": "name"}, ["a", "b", "c"]),
    ("boxes", {"status": "failed"}, []),
    ("boxes", {"pool": "two"}, []),
    ("boxes", {"created_after": "2020-01-01", "created_before": "2020-01-02"}, []),
    ("boxes", {"created_after": "2020-01-01T00:00:00Z", "sort": "name"}, ["a", "b", "c"]),
    ("templates", {"image": "host"}, ["plain"]),
    ("templates", {"q": "PYTHON:"}, ["full"]),
    ("templates", {"volume": "volume-beta"}, ["full"]),
    ("templates", {"volume": "volume-alpha"}, []),
    ("volumes", {"in_use": "true"}, ["volume-beta"]),
    ("volumes", {"in_use": "false"}, ["volume-alpha"]),
    ("volumes", {"status": "ready", "sort": "name"}, ["volume-alpha", "volume-beta"]),
    ("volumes", {"q": "ALPHA"}, ["volume-alpha"]),
    ("pools", {"template": "plain", "sort": "-name"}, ["two", "one"]),
    ("pools", {"template": "full"}, []),
    ("pools", {"q": "plai", "sort": "name"}, ["one", "two"]),
]


async def test_lists_are_narrowed_and_ordered(api: Api) -> None:
    for path, parameters, names in NARROWED:
        found = await api.get(path, parameters)
        assert [item["name"] for item in found[LISTS[path]]] == names, parameters
        assert found["total"] == len(names)


async def test_more_than_anybody_counts_is_not_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_TOTAL", 3)
    assert (await api.get("boxes", {"limit": "1"}))["total"] == 3
    monkeypatch.setattr(listing, "MAX_TOTAL", 2)
    found = await api.get("boxes", {"limit": "1"})
    assert found["total"] is None
    assert found["next_cursor"]
    assert (await api.get("boxes", {"limit": "1", "created_by": "Ann"}))["total"] == 2


async def test_a_filter_takes_an_identifier_too(api: Api) -> None:
    template = (await api.get("templates/full"))["id"]
    volume = (await api.get("volumes/volume-beta"))["id"]
    assert await api.names("boxes", {"template": template, "sort": "name"}) == ["a", "b"]
    assert await api.names("templates", {"volume": volume}) == ["full"]


async def test_moments_compare_as_they_are_shown(api: Api) -> None:
    moments = {box["name"]: box["created_at"] for box in (await api.get("boxes"))["sandboxes"]}
    assert await api.names("boxes", {"created_after": moments["a"], "sort": "name"}) == ["a", "b"]
    assert await api.names("boxes", {"created_before": moments["a"]}) == ["c"]


async def test_a_page_of_templates_shows_their_mounts(api: Api) -> None:
    (full,) = (await api.get("templates", {"image": "python:3.12"}))["templates"]
    assert full["volume_mounts"] == [{"volume_name": "volume-beta", "mount_path": "/data"}]


@pytest.mark.parametrize(
    ("path", "parameters", "name", "words"),
    [
        ("boxes", {"status": "asleep"}, "status", "'asleep' is none of: provisioning, ready, failed"),
        ("boxes", {"status": "ready", "stauts": "failed"}, "stauts", "no such parameter; it has: created_after"),
        ("boxes", {"created_after": "yesterday"}, "created_after", "2026-05-04T12:00:00Z"),
        ("boxes", {"created_after": ["2026-01-01", "2026-01-02"]}, "created_after", "may be given once"),
        ("boxes", {"created_by": [str(each) for each in range(51)]}, "created_by", "at most 50 times"),
        ("boxes", {"created_by": ["é" * 500, *(f"{each}" * 400 for each in range(9))]}, "created_by", "4096 bytes"),
        ("boxes", {"created_by": "a\0"}, "created_by", "NUL"),
        ("boxes", {"created_by": "a" * 513}, "created_by", "at most 512 characters"),
        ("boxes", {"template": "a" * 101}, "template", "at most 100 characters"),
        ("boxes", {"limit": ["1", "2"]}, "limit", "may be given once"),
        ("volumes", {"in_use": "perhaps"}, "in_use", "neither true nor false"),
        ("templates", {"status": "ready", "limit": "1"}, "status", "no such parameter"),
    ],
)
async def test_a_wrong_filter_is_named(api: Api, path: str, parameters: Any, name: str, words: str) -> None:
    refused, message = await api.refused(path, parameters)
    assert refused == name
    assert words in message


async def test_a_cursor_is_for_its_own_query_alone(api: Api) -> None:
    cursor = (await api.get("boxes", {"limit": "1", "sort": "name", "created_by": "Ann"}))["next_cursor"]
    assert await api.names("boxes", {"cursor": cursor}) == ["c"]
    same = {"cursor": cursor, "sort": "name", "created_by": "Ann"}
    assert await api.names("boxes", same) == ["c"]
    for other in ({**same, "sort": "-name"}, {**same, "created_by": "Bob"}, {**same, "q": "c"}):
        refused, message = await api.refused("boxes", other)
        assert refused == "cursor"
        assert "other filters" in message
    assert await api.refused("boxes", {"cursor": cursor, "offset": "1"}) == (
        "offset",
        "cannot be combined with 'cursor'",
    )
    assert await api.refused("pools", {"cursor": cursor}) == ("cursor", "was made by another list")


@pytest.mark.parametrize(
    "forged",
    [
        Cursor(Selection("sandboxes", "name"), 1.5, "x"),
        Cursor(Selection("sandboxes", "name"), None, "x"),
        Cursor(Selection("sandboxes", "created_at"), "x", "x"),
        Cursor(Selection("sandboxes", "created_at"), 1.5, 2),
        Cursor(Selection("sandboxes", "colour"), 1.5, "x"),
        Cursor(Selection("sandboxes", "name", "", (("colour", ("red",)),)), "x", "x"),
        Cursor(Selection("sandboxes", "name", "", (("status", ()),)), "x", "x"),
    ],
)
async def test_a_cursor_that_nobody_gave_is_refused(api: Api, forged: Cursor) -> None:
    refused, _ = await api.refused("boxes", {"cursor": forged.text()})
    assert refused == "cursor"


async def test_a_forged_filter_is_checked_like_any(api: Api) -> None:
    forged = Cursor(Selection("sandboxes", "name", "", (("status", ("asleep",)),)), "x", "x")
    assert (await api.refused("boxes", {"cursor": forged.text()}))[0] == "status"


async def test_another_workspace_sees_nothing_by_a_cursor(api: Api) -> None:
    database = api.inside.core.database
    await workspaces.create_workspace(database, name="other", actor="test")
    key = await keys.create_key(database, workspace="other", name="other", actor="test")
    cursor = (await api.get("boxes", {"limit": "1"}))["next_cursor"]
    answer = await api.client.get("/boxes", params={"cursor": cursor}, headers={"X-Api-Key": key.text})
    assert answer.json() == {"sandboxes": [], "total": 0, "next_cursor": None}


@pytest.mark.parametrize("path", LISTS)
async def test_the_description_tells_every_parameter(api: Api, path: str) -> None:
    document = (await api.client.get("http://test/openapi.json")).json()
    told = document["paths"][f"/v2/sandboxes/{path}"]["get"]["parameters"]
    _, message = await api.refused(path, {"limit": "1", "?": ""})
    assert sorted(each["name"] for each in told) == message.partition("it has: ")[2].split(", ")
    for each in told:
        assert each["in"] == "query"
        assert each["description"]
