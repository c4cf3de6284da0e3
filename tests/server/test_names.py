from __future__ import annotations

import pytest

from sandboxcore.server.names import InvalidNameError, check_name, is_id, new_id, new_sandbox_name


@pytest.mark.parametrize("name", ["a", "0", "my-box", "a" * 63, "1-2-3", "x--y"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "-a", "a-", "a" * 64, "a b", "é", "a.b", "a/b", "..", "a\n", "<script>", "\u202ea"]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidNameError):
        check_name(name)


def test_a_name_never_looks_like_an_identifier() -> None:
    assert is_id(new_id())
    with pytest.raises(InvalidNameError, match="identifier"):
        check_name(new_id())


def test_made_names_are_valid_and_differ() -> None:
    names = {check_name(new_sandbox_name()) for _ in range(200)}
    assert len(names) == 200
    assert all(name.startswith("sandbox-") for name in names)
