"""One command's output: offsets in UTF-8 bytes, wherever connections break and whatever comes twice."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxcore.errors import CommandTimeoutError, InvalidResponseError, SandboxOperationError
from sandboxcore.models import Gap, InputTaken, OutputChunk, Resized, Skipped, TerminalModes
from sandboxcore.protocol.commands import CommandRequest
from sandboxcore.protocol.stream import CommandStream

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def output(data: str, offset: int) -> str:
    return message("stdout", data=data, offset=offset)


def attached(**options: Any) -> CommandStream:
    return CommandStream("c", **options)


def boundaries(text: str) -> list[int]:
    """Every offset at which a server may cut: between code points."""
    cuts = [0]
    for character in text:
        cuts.append(cuts[-1] + len(character.encode()))
    return cuts


def test_it_works() -> None:
    stream = CommandStream("c", request=CommandRequest("echo", "c"))
    assert json.loads(stream.opening())["type"] == "execute"
    assert stream.receive(message("started", command_id="c", pid=3)) == []
    assert (stream.started, stream.pid, stream.keeps_id) == (True, 3, True)
    assert stream.receive(output("hi", 0)) == [OutputChunk("stdout", "hi", 0)]
    assert json.loads(stream.opening()) == {
        "type": "reconnect",
        "command_id": "c",
        "stdout_offset": 2,
        "stderr_offset": 0,
    }
    assert not stream.ended
    assert stream.receive(message("exit", exit_code=0)) == []
    assert stream.ended
    assert stream.result is not None
    assert stream.result.stdout == "hi"


@given(texts, texts, st.data())
def test_any_overlap_comes_out_once(first: str, second: str, data: st.DataObject) -> None:
    """After a break the server may repeat any part of what came, cut at any code point."""
    whole = first + second
    raw, cuts = whole.encode(), boundaries(whole)
    stream = attached()
    chunks = stream.receive(output(first, 0))
    start = data.draw(st.sampled_from([cut for cut in cuts if cut <= stream.stdout_offset]))
    for end in sorted({*data.draw(st.sets(st.sampled_from(cuts), max_size=5)), len(raw)}):
        if end > start:
            chunks += stream.receive(output(raw[start:end].decode(), start))
            start = end
    assert "".join(chunk.data for chunk in chunks) == whole
    assert stream.stdout_offset == len(raw)
    position = 0
    for chunk in chunks:
        assert chunk.offset == position
        position += len(chunk.data.encode())


@pytest.mark.parametrize("text", ["aé€😀", "😀é", "e\u0301ü", "\x00\u2028\ufeff", "日本語"])
def test_every_cut_of_every_text(text: str) -> None:
    raw = text.encode()
    for cut in boundaries(text):
        for again in boundaries(text):
            if again > cut:
                continue
            stream = attached()
            stream.receive(output(raw[:cut].decode(), 0))
            stream.receive(output(raw[again:].decode(), again))
            stream.receive(message("exit", exit_code=0))
            assert stream.result is not None
            assert stream.result.stdout == text


@pytest.mark.parametrize("offset", range(1, 9))
def test_a_cut_inside_a_character_never_breaks_the_count(offset: int) -> None:
    """Only a wrong server or a wrong offset leads there; what follows must still be right."""
    text = "aé€b"
    stream = attached(stdout_offset=offset)
    stream.receive(output(text, 0))
    assert stream.stdout_offset == max(offset, len(text.encode()))
    after = stream.receive(output("z", stream.stdout_offset))
    assert after == [OutputChunk("stdout", "z", max(offset, 7))]


@given(texts.filter(bool), st.integers(1, 1000))
def test_a_jump_is_a_gap(text: str, jump: int) -> None:
    size = len(text.encode())
    telling, silent = attached(gaps=True), attached()
    expected = OutputChunk("stdout", "x", size + jump)
    for stream in (telling, silent):
        stream.receive(output(text, 0))
    assert telling.receive(output("x", size + jump)) == [Gap("stdout", size, size + jump), expected]
    assert silent.receive(output("x", size + jump)) == [expected]
    assert telling.stdout_offset == silent.stdout_offset == size + jump + 1


def test_a_gap_message_and_the_jump_after_it_are_one_gap() -> None:
    stream = attached(gaps=True)
    assert stream.receive(message("gap", stream="stderr", **{"from": 0, "to": 9})) == [Gap("stderr", 0, 9)]
    assert stream.receive(message("gap", stream="stderr", **{"from": 0, "to": 9})) == []
    assert stream.receive(message("stderr", data="x", offset=9)) == [OutputChunk("stderr", "x", 9)]
    gap = Gap("stderr", 0, 9)
    assert (gap.start, gap.end, gap.data, gap.offset) == (0, 9, "", 0)


def test_modes_come_once_to_who_asks() -> None:
    said = message("modes", sequence="\x1b[?1049h", rows=24, cols=80)
    stream = attached(modes=True, stdout_offset=5)
    assert json.loads(stream.opening())["modes"] is True
    modes = TerminalModes(5, "\x1b[?1049h", 24, 80)
    assert stream.receive(said) == [modes]
    assert (modes.data, modes.offset, modes.sequence, modes.rows, modes.cols) == ("", 5, "\x1b[?1049h", 24, 80)
    assert json.loads(stream.opening())["modes"] is True  # a gap may follow
    assert stream.receive(said) == attached().receive(said) == []
    assert "modes" not in json.loads(attached().opening())


def test_a_size_that_is_known_is_not_told_again() -> None:
    stream = attached(watch=True, stdout_offset=5)
    assert json.loads(stream.opening())["watch"] is True
    assert "watch" not in json.loads(attached().opening())
    said = message("resized", rows=24, cols=80, offset=0)
    assert stream.receive(said) == [Resized(5, 24, 80)]
    assert stream.receive(said) == []
    assert stream.receive(message("resized", rows=30, cols=80, offset=5)) == [Resized(5, 30, 80)]


def test_half_surrogates_become_replacement_characters() -> None:
    stream = attached()
    chunks = stream.receive('{"type": "stdout", "data": "a\\ud800b", "offset": 0}')
    assert chunks == [OutputChunk("stdout", "a\ufffdb", 0)]
    assert stream.stdout_offset == 5


def test_empty_output_and_missing_offsets() -> None:
    stream = attached(stdout_offset=4)
    assert stream.receive(output("", 0)) == []
    assert stream.receive(message("stdout", data="x")) == [OutputChunk("stdout", "x", 4)]


def test_messages_may_be_bytes() -> None:
    assert attached().receive(output("é", 0).encode()) == [OutputChunk("stdout", "é", 0)]


def test_collect_false_keeps_offsets_only() -> None:
    stream = attached(collect=False)
    stream.receive(output("abc", 0))
    stream.receive(message("exit", exit_code=1))
    assert stream.result is not None
    assert (stream.result.stdout, stream.stdout_offset) == ("", 3)


def test_an_error_ends_the_stream() -> None:
    stream = CommandStream("c", request=CommandRequest("x", "c", timeout=2.5))
    with pytest.raises(CommandTimeoutError) as caught:
        stream.receive(message("error", error_type="CommandTimeout", error="too long"))
    assert (caught.value.timeout, stream.failure, stream.ended) == (2.5, caught.value, True)


def test_errors_name_the_command_once_it_runs() -> None:
    stream = attached()
    with pytest.raises(SandboxOperationError, match="Session expired: c"):
        stream.receive(message("error", error_type="SessionExpired", error="x"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(["stdout", "stderr", "gap", "exit", "error", "started", "new"]),
    st.sampled_from(["data", "offset", "stream", "to", "exit_code", "error_type", "error", "command_id", "pid"]),
)
def test_nonsense_is_an_error_of_this_package_or_nothing(value: Any, kind: str, field: str) -> None:
    good = {
        "data": "x",
        "offset": 0,
        "stream": "stdout",
        "to": 1,
        "exit_code": 0,
        "error_type": "CommandError",
        "error": "e",
        "command_id": "c",
        "pid": 1,
    }
    stream = attached()
    with contextlib.suppress(InvalidResponseError, SandboxOperationError):
        stream.receive(message(kind, **{**good, field: value}))
    assert stream.stdout_offset >= 0


@given(st.text() | st.binary())
def test_any_bytes_are_an_error_of_this_package(data: str | bytes) -> None:
    with pytest.raises(InvalidResponseError):
        attached().receive(data)


def test_deep_nesting_is_an_error_of_this_package() -> None:
    with pytest.raises(InvalidResponseError):
        attached().receive("[" * 100_000)


def test_commands_stay_out_of_the_repr() -> None:
    shown = repr(CommandRequest("export TOKEN=hidden", "c", env={"A": "hidden"}))
    assert "hidden" not in shown


def test_modes_come_again_after_a_gap_and_not_after_a_reconnect() -> None:
    stream = attached(modes=True, gaps=True)
    first = message("modes", sequence="a", rows=24, cols=80, end=7)
    assert stream.receive(first) == [TerminalModes(0, "a", 24, 80, 7)]
    assert stream.receive(first) == []
    assert stream.receive(message("gap", stream="stdout", **{"from": 0, "to": 5})) == [Gap("stdout", 0, 5)]
    assert stream.receive(message("modes", sequence="b", rows=1, cols=2)) == [TerminalModes(5, "b", 1, 2)]


def test_numbered_input_is_kept_until_it_is_taken() -> None:
    stream = attached(source="me")
    assert json.loads(stream.opening())["source"] == "me"
    first, second = stream.type("é" * 100_000, 10)
    assert [json.loads(text)["offset"] for text in (first, second)] == [10, 10 + 2 * 65536]
    assert stream.typed() == [first, second]
    assert stream.receive(message("input", taken=10 + 2 * 65536 - 1)) == [InputTaken(0, 10 + 2 * 65536 - 1)]
    assert stream.typed() == [first, second]
    stream.receive(message("input", taken=10 + 2 * 65536))
    assert stream.typed() == [second]


def test_output_is_acknowledged_by_the_quarter_of_the_window() -> None:
    stream = attached(window=400)
    assert json.loads(stream.opening())["window"] == 400
    stream.receive(output("é" * 49, 0))
    assert stream.ack() is None
    stream.receive(output("x" * 2, 98))
    assert json.loads(stream.ack() or "") == {"type": "ack", "bytes": 100}
    assert stream.ack() is None
    stream.receive(output("x" * 100, 100))
    stream.opening()
    assert stream.ack() is None


def test_nothing_is_acknowledged_without_a_window() -> None:
    stream = attached()
    stream.receive(output("x" * 100_000, 0))
    assert stream.ack() is None
    assert stream.receive(message("skipped")) == [Skipped(100_000)]


def test_a_skip_is_asked_again_on_a_new_connection_until_it_is_done() -> None:
    stream = attached()
    asked = stream.skip(100)
    assert json.loads(asked) == {"type": "skip", "keep": 100}
    assert stream.due() == [asked]
    stream.receive(message("skipped"))
    assert stream.due() == []
