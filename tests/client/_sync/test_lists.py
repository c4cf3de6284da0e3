# Generated from tests/client/_async/test_lists.py by tools/unasync.py: change that file, then run this tool.
"""Lists of an synchronous client: whole, by the page, and item by item."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore import ExtensionUnsupportedError, InvalidResponseError, Page, ValidationError
from tests.client.fake import Answer

if TYPE_CHECKING:
    from sandboxcore import SandboxClient
    from tests.client.fake import FakeServer

KINDS = {"volumes": "/volumes", "templates": "/templates", "pools": "/pools", "sandboxes": "/boxes"}


def items(*names: str) -> list[dict[str, Any]]:
    """What every kind of list can hold."""
    return [{"name": name} for name in names]


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_list_is_asked_for_without_a_word(sync_client: SandboxClient, server: FakeServer, kind: str) -> None:
    server.on("GET", KINDS[kind], {kind: items("a", "b")})
    found = getattr(sync_client, f"list_{kind}")()
    assert isinstance(found, Page)
    assert [each.name for each in found] == ["a", "b"]
    assert (found.total, found.next_cursor) == (None, None)
    assert server.seen[0].query == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_how_many_there_are_and_how_to_go_on(
    sync_client: SandboxClient, server: FakeServer, kind: str
) -> None:
    server.on("GET", KINDS[kind], {kind: items("b"), "total": 3, "next_cursor": "more"})
    found = getattr(sync_client, f"list_{kind}")(limit=1, offset=1, sort="-name", q="%", created_by=["Ann", "Bob"])
    assert isinstance(found, Page)
    assert [each.name for each in found] == ["b"]
    assert (found.total, found.next_cursor) == (3, "more")
    assert server.seen[0].query == {
        "limit": ["1"],
        "offset": ["1"],
        "sort": ["-name"],
        "q": ["%"],
        "created_by": ["Ann", "Bob"],
    }


def test_values_are_written_as_the_server_reads_them(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes", {"sandboxes": [], "total": 0, "next_cursor": None})
    server.on("GET", "/volumes", {"volumes": [], "total": 0, "next_cursor": None})
    moment = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    sync_client.list_sandboxes(status=("ready", "failed"), created_after=moment, created_before="2027-01-01")
    sync_client.list_volumes(in_use=False, status=None)
    boxes, volumes = (seen.query for seen in server.seen)
    assert boxes["status"] == ["ready", "failed"]
    assert datetime.fromisoformat(boxes["created_after"][0]) == datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert boxes["created_before"] == ["2027-01-01"]
    assert volumes == {"in_use": ["false"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_does_not_heed_the_question_is_named(
    sync_client: SandboxClient, server: FakeServer, kind: str
) -> None:
    server.on("GET", KINDS[kind], {kind: items("a", "b")})
    with pytest.raises(ExtensionUnsupportedError, match=f"lists its {kind} only whole: it does not know q") as caught:
        getattr(sync_client, f"list_{kind}")(q="a")
    assert caught.value.extension == "lists"
    with pytest.raises(ExtensionUnsupportedError, match="does not know sort"):
        for _ in getattr(sync_client, f"iter_{kind}")(sort="name"):
            pytest.fail("nothing may come")


@pytest.mark.parametrize("kind", KINDS)
def test_iterating_asks_for_the_next_page_when_it_is_needed(
    sync_client: SandboxClient, server: FakeServer, kind: str
) -> None:
    server.on(
        "GET",
        KINDS[kind],
        {kind: items("a", "b"), "total": None, "next_cursor": "1"},
        {kind: items("c", "d"), "total": None, "next_cursor": "2"},
        {kind: [], "total": None, "next_cursor": None},
    )
    names = []
    for each in getattr(sync_client, f"iter_{kind}")(sort="-name", page_size=2):
        names.append(each.name)
        assert len(server.seen) == (1 if each.name in "ab" else 2)
    assert names == ["a", "b", "c", "d"]
    assert [seen.query for seen in server.seen] == [
        {"sort": ["-name"], "limit": ["2"], "total": ["false"]},
        {"cursor": ["1"], "limit": ["2"], "total": ["false"]},
        {"cursor": ["2"], "limit": ["2"], "total": ["false"]},
    ]


def test_iterating_over_everything_works_with_a_server_that_only_gives_whole_lists(
    sync_client: SandboxClient, server: FakeServer
) -> None:
    server.on("GET", "/boxes", {"sandboxes": items("a", "b", "c")})
    assert [each.name for each in sync_client.iter_sandboxes(page_size=2)] == ["a", "b", "c"]
    assert len(server.seen) == 1


def test_a_server_that_leads_in_a_circle_is_left(sync_client: SandboxClient, server: FakeServer) -> None:
    server.on("GET", "/boxes", {"sandboxes": items("a"), "next_cursor": "again"})
    with pytest.raises(InvalidResponseError, match="for ever"):
        for each in sync_client.iter_sandboxes():
            assert each.name == "a"
    assert len(server.seen) == 2


def test_a_refused_parameter_is_named(sync_client: SandboxClient, server: FakeServer) -> None:
    detail = [{"type": "value_error", "loc": ["query", "sort"], "msg": "must be one of: name"}]
    server.on("GET", "/boxes", Answer(422, {"detail": detail}))
    with pytest.raises(ValidationError, match="must be one of: name") as caught:
        sync_client.list_sandboxes(sort="colour")
    assert caught.value.field == "sort"
