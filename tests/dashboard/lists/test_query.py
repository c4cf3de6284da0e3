"""The address of a list is its whole state."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from dashboard.lists.query import MAX_OFFSET, Query
from dashboard.resources.lists.sandboxes import SANDBOXES


def read(text: str) -> Query:
    return Query.read(SANDBOXES, QueryDict(text))


def test_it_works() -> None:
    query = read("q=al&sort=name&page=3&size=25&status=ready&status=failed&created_by=maria")
    assert (query.q, query.sort, query.page, query.size, query.offset) == ("al", "name", 3, 25, 50)
    assert query.filters == {"status": ("ready", "failed"), "created_by": ("maria",)}
    assert query.values("status") == ["ready", "failed"]
    assert query.values("pool") is None
    assert query.narrowed


@pytest.mark.parametrize(
    "address",
    ["?", "?q=a+b%26c", "?status=ready&status=failed", "?sort=name&size=200&page=7", "?created_by=%3Cscript%3E"],
)
def test_an_address_comes_back_as_it_was(address: str) -> None:
    assert read(address[1:]).address(SANDBOXES) == address


def test_what_goes_without_saying_is_left_out() -> None:
    assert read("q=&status=&sort=-created_at&page=1&size=50").address(SANDBOXES) == "?"


@pytest.mark.parametrize("page", ["0", "-3", "x", "²", "٣", "1e3", "99999999999999999999", ""])
def test_a_page_that_is_none_is_one_that_there_may_be(page: str) -> None:
    query = Query.read(SANDBOXES, QueryDict(f"size=200&page={page}"))
    assert query.page >= 1
    assert query.offset <= MAX_OFFSET


def test_all_is_bounded() -> None:
    long = read("q=" + "x" * 1000 + "&" + "&".join(f"status={n}" for n in range(150)) + "&template=" + "y" * 999)
    assert len(long.q) == 100
    assert len(long.filters["status"]) == 50
    assert len(long.filters["template"][0]) == 200


def test_values_are_taken_once_and_none_is_empty() -> None:
    assert read("status=ready&status=ready&status=&status=%00").filters == {"status": ("ready",)}
