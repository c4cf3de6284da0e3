"""File requests as a helper serves them, on a real file system."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.shim import fileread
from sandboxcore.shim.files import serve_request
from sandboxcore.shim.wire import FrameReader, Kind, encode, encode_control

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def ask(op: str, *frames: bytes, **fields: Any) -> tuple[list[dict[str, Any]], bytes]:
    """The control messages and the data that answer a request."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serving = threading.Thread(target=_serve, args=({"op": op, **fields}, theirs))
        serving.start()
        # A refusal may come before the last frame: nobody reads that one any more.
        with contextlib.suppress(BrokenPipeError):
            for frame in frames:
                ours.sendall(frame)
        messages, data, reader = [], bytearray(), FrameReader()
        while received := ours.recv(1 << 20):
            for kind, body in reader.feed(received):
                if kind is Kind.DATA:
                    data += body
                else:
                    messages.append(json.loads(body))
        serving.join(10)
        assert not serving.is_alive()
    return messages, bytes(data)


def _serve(request: dict[str, Any], connection: socket.socket) -> None:
    serve_request(request, connection)
    connection.shutdown(socket.SHUT_RDWR)


def put(path: str, content: bytes, **fields: Any) -> list[dict[str, Any]]:
    return ask("write", encode(Kind.DATA, content), encode_control({"op": "end"}), path=path, **fields)[0]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def error(op: str, *frames: bytes, **fields: Any) -> tuple[str, str]:
    """The type and words of the error that a request gets."""
    last = ask(op, *frames, **fields)[0][-1]
    assert last["type"] == "error", last
    return last["error_type"], last["error"]


def test_it_works(home: Path) -> None:
    assert put("a/b/c.txt", b"hello") == [{"type": "ready"}, {"type": "done", "size": 5}]
    assert (home / "a/b/c.txt").read_bytes() == b"hello"
    messages, data = ask("read", path="a/b/c.txt")
    assert data == b"hello"
    assert messages[0]["size"] == 5
    assert messages[0]["mtime"] == (home / "a/b/c.txt").stat().st_mtime
    assert messages[-1] == {"type": "end"}
    assert names(home / "a/b") == ["c.txt"]


def test_paths_are_below_home_unless_absolute(home: Path) -> None:
    put("~/tilde", b"1")
    put(str(home / "absolute"), b"2")
    put("./dot", b"3")
    assert names(home) == ["absolute", "dot", "tilde"]


def test_a_large_file_both_ways(home: Path) -> None:
    content = os.urandom(1 << 20) * 5
    pieces = [encode(Kind.DATA, content[n : n + 300_000]) for n in range(0, len(content), 300_000)]
    messages, _ = ask("write", *pieces, encode_control({"op": "end"}), path="big")
    assert messages[-1] == {"type": "done", "size": len(content)}
    assert ask("read", path="big")[1] == content


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 100, b"89"), (10, 5, b""), (99, None, b"")],
)
@pytest.mark.usefixtures("home")
def test_ranges(offset: int, length: int | None, expected: bytes) -> None:
    put("digits", b"0123456789")
    messages, data = ask("read", path="digits", offset=offset, length=length)
    assert (data, messages[0]["size"], messages[-1]) == (expected, 10, {"type": "end"})


def test_files_that_claim_to_be_empty() -> None:
    messages, data = ask("read", path="/proc/self/status")
    assert data.startswith(b"Name:")
    assert messages[0]["size"] == len(data)


def test_nothing_appears_before_the_end(home: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serving = threading.Thread(target=serve_request, args=({"op": "write", "path": "f"}, theirs))
        serving.start()
        assert FrameReader().feed(ours.recv(100))[0][0] is Kind.CONTROL
        ours.sendall(encode(Kind.DATA, b"half of"))
        assert not (home / "f").exists()
        ours.close()
        serving.join(10)
    assert names(home) == []


def test_a_broken_upload_leaves_the_old_file(home: Path) -> None:
    put("f", b"old")
    assert error("write", encode(Kind.DATA, b"new"), encode(Kind.STDOUT, b"x" * 9), path="f")[0] == "WriteError"
    assert error("write", encode_control({"op": "what"}), path="f")[0] == "WriteError"
    assert error("write", b"\xff" * 10, path="f")[0] == "WriteError"
    assert (home / "f").read_bytes() == b"old"
    assert names(home) == ["f"]


def test_no_space_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def full(_: int, __: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "write", full)
    kind, words = error("write", encode(Kind.DATA, b"x"), encode_control({"op": "end"}), path="f")
    assert (kind, words) == ("NoSpace", f"No space left on device: {tmp_path}/f")
    assert names(tmp_path) == []


def test_mode_and_owner(home: Path) -> None:
    put("new", b"")
    put("asked", b"", mode=0o750)
    (home / "old").touch(mode=0o600)
    (home / "old").chmod(0o640)
    os.chown(home / "old", 12345, 23456)
    put("old", b"changed")
    assert stat.S_IMODE((home / "asked").stat().st_mode) == 0o750
    assert stat.S_IMODE((home / "new").stat().st_mode) == 0o644
    old = (home / "old").stat()
    assert (stat.S_IMODE(old.st_mode), old.st_uid, old.st_gid) == (0o640, 12345, 23456)


def test_links_are_written_through(home: Path) -> None:
    (home / "target").write_bytes(b"old")
    (home / "link").symlink_to("target")
    put("link", b"new")
    assert (home / "link").is_symlink()
    assert (home / "target").read_bytes() == b"new"
    assert ask("read", path="link")[1] == b"new"


def test_what_is_no_regular_file(home: Path) -> None:
    os.mkfifo(home / "fifo")
    (home / "folder").mkdir()
    assert error("read", path="fifo") == ("ReadError", f"Not a regular file: {home}/fifo")
    assert error("read", path="/dev/zero")[0] == "ReadError"
    assert error("write", path="fifo")[0] == "WriteError"
    assert error("read", path="folder") == ("IsADirectory", f"Is a directory: {home}/folder")
    assert error("write", path="folder")[0] == "IsADirectory"
    assert error("read", path="missing") == ("FileNotFound", f"No such file or directory: {home}/missing")
    assert error("list", path="fifo")[0] == "NotADirectory"
    assert error("read", path="fifo/x")[0] == "NotADirectory"
    assert error("write", path="fifo/x")[0] in {"NotADirectory", "FileExists"}


def test_stat(home: Path) -> None:
    put("f", b"12345", mode=0o640)
    (home / "good").symlink_to("f")
    (home / "bad").symlink_to("nowhere")
    [entry], _ = ask("stat", path="f")
    assert (entry["type"], entry["name"], entry["kind"], entry["size"], entry["mode"]) == (
        "stat",
        "f",
        "file",
        5,
        0o640,
    )
    assert (entry["target"], entry["target_kind"]) == (None, None)
    [entry], _ = ask("stat", path="good")
    assert (entry["kind"], entry["target"], entry["target_kind"]) == ("symlink", "f", "file")
    [entry], _ = ask("stat", path="bad")
    assert (entry["kind"], entry["target"], entry["target_kind"]) == ("symlink", "nowhere", None)
    [entry], _ = ask("stat", path="/")
    assert (entry["name"], entry["kind"]) == ("/", "directory")
    assert error("stat", path="nothing")[0] == "FileNotFound"


def test_lists_come_in_parts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fileread, "ENTRIES", 4)
    for number in range(10):
        (home / f"f{number}").touch()
    messages, _ = ask("list", path=".")
    assert [len(message.get("entries", [])) for message in messages] == [4, 4, 2, 0]
    assert messages[-1] == {"type": "end"}
    found = {entry["name"] for message in messages[:-1] for entry in message["entries"]}
    assert found == {f"f{number}" for number in range(10)}
    (home / "empty").mkdir()
    assert ask("list", path="empty")[0] == [{"type": "end"}]


def test_names_that_are_not_utf8(home: Path) -> None:
    (home / os.fsdecode(b"caf\xe9")).write_bytes(b"latin")
    messages, _ = ask("list", path=".")
    [entry] = messages[0]["entries"]
    assert os.fsencode(entry["name"]) == b"caf\xe9"
    assert encode_control({"name": entry["name"]}).isascii()
    assert ask("read", path=entry["name"])[1] == b"latin"


def test_hostile_names(home: Path) -> None:
    for name in ("new\nline", "<script>", "\x1b[31m", "a" * 255, "漢字"):
        put(name, b"x")
    messages, _ = ask("list", path=".")
    assert len(messages[0]["entries"]) == 5
    assert error("write", path="a" * 300)[0] == "WriteError"
    assert error("read", path="x\0y")[0] == "ReadError"
    assert error("read", path="\ud800")[0] == "ReadError"


@pytest.mark.parametrize("fields", [{}, {"path": ""}, {"path": 5}, {"path": ["a"]}, {"path": "f", "offset": -1}])
@pytest.mark.usefixtures("home")
def test_bad_fields(fields: dict[str, Any]) -> None:
    assert error("read", **fields)[0] == "ReadError"


def test_mkdir(home: Path) -> None:
    assert ask("mkdir", path="x/y/z", mode=0o700)[0] == [{"type": "done"}]
    assert stat.S_IMODE((home / "x/y/z").stat().st_mode) == 0o700
    assert error("mkdir", path="x/y/z")[0] == "FileExists"
    put("file", b"")
    assert error("mkdir", path="file/z")[0] in {"NotADirectory", "FileExists"}


def test_move(home: Path) -> None:
    put("a", b"1")
    put("b", b"2")
    assert ask("move", path="a", to="c")[0] == [{"type": "done"}]
    assert error("move", path="c", to="b") == ("FileExists", f"File exists: {home}/b")
    assert ask("move", path="c", to="b", overwrite=True)[0] == [{"type": "done"}]
    assert (home / "b").read_bytes() == b"1"
    assert error("move", path="gone", to="x") == ("FileNotFound", f"No such file or directory: {home}/gone")
    assert error("move", path="b", to="no/such/folder")[0] == "FileNotFound"
    assert error("move", path="/", to="x")[0] == "PermissionDenied"


def test_move_to_another_file_system(home: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == home.stat().st_dev:
        pytest.skip("this machine has one file system only")
    target = shm / f"moved-{os.getpid()}"
    put("tree/file", b"far")
    try:
        assert ask("move", path="tree", to=str(target))[0] == [{"type": "done"}]
        assert (target / "file").read_bytes() == b"far"
        assert not (home / "tree").exists()
    finally:
        ask("remove", path=str(target), recursive=True)


def test_remove(home: Path) -> None:
    put("keep/precious", b"!")
    put("tree/deep/er/file", b"x")
    (home / "tree/link").symlink_to(home / "keep")
    (home / "tree/deep/link").symlink_to("..")
    assert error("remove", path="tree")[0] == "NotEmpty"
    assert ask("remove", path="tree", recursive=True)[0] == [{"type": "done"}]
    assert not (home / "tree").exists()
    assert (home / "keep/precious").read_bytes() == b"!"
    (home / "link").symlink_to(home / "keep")
    assert ask("remove", path="link", recursive=True)[0] == [{"type": "done"}]
    assert (home / "keep").is_dir()
    (home / "empty").mkdir()
    assert ask("remove", path="empty")[0] == [{"type": "done"}]
    assert ask("remove", path="keep/precious")[0] == [{"type": "done"}]
    assert error("remove", path="gone")[0] == "FileNotFound"
    assert error("remove", path="/", recursive=True)[0] == "PermissionDenied"


def test_remove_a_tree_with_many_files(home: Path) -> None:
    for folder in range(20):
        (home / "t" / str(folder)).mkdir(parents=True)
        for number in range(50):
            (home / "t" / str(folder) / str(number)).touch()
    assert ask("remove", path="t", recursive=True)[0] == [{"type": "done"}]
    assert names(home) == []


@pytest.fixture
def as_nobody(home: Path) -> Iterator[Path]:
    """A folder as a user without rights sees it; the group and other users' rights count."""
    if os.geteuid() != 0:
        yield home
        return
    home.chmod(0o711)
    os.seteuid(65534)
    try:
        yield home
    finally:
        os.seteuid(0)


def test_without_permission(as_nobody: Path) -> None:
    assert error("write", path="f") == ("PermissionDenied", f"Permission denied: {as_nobody}/f")
    assert error("read", path="/etc/shadow")[0] == "PermissionDenied"
    assert error("mkdir", path="d")[0] == "PermissionDenied"
    assert error("remove", path="/etc/passwd")[0] == "PermissionDenied"


def test_a_peer_that_is_gone_is_no_failure(home: Path) -> None:
    (home / "big").write_bytes(b"x" * (4 << 20))
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        serve_request({"op": "read", "path": "big"}, theirs)
