"""``POST /upload`` and ``GET /download`` on the real server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.running import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from tests.server.running import Sandboxd


class Files:
    """Uploads to and downloads from one sandbox."""

    def __init__(self, api: httpx.AsyncClient, dataplane_url: str, home: Path) -> None:
        self._api = api
        self.url = dataplane_url
        self.home = home

    async def upload(self, path: str, content: bytes, **parameters: Any) -> httpx.Response:
        files = {"file": ("name", content)}
        return await self._api.post(f"{self.url}/upload", params={"path": path, **parameters}, files=files)

    async def download(self, path: str) -> httpx.Response:
        return await self._api.get(f"{self.url}/download", params={"path": path})


@pytest.fixture
def files(api: httpx.AsyncClient, sandboxd: Sandboxd, box: dict[str, Any]) -> Files:
    return Files(api, box["dataplane_url"], sandboxd.run_dir / "sandboxes" / box["id"] / "home")


async def test_it_works(files: Files) -> None:
    content = os.urandom(3_000_001)
    written = await files.upload("deep/er/data.bin", content)
    assert (written.status_code, written.json()) == (200, {"path": "deep/er/data.bin", "size": len(content)})
    read = await files.download("deep/er/data.bin")
    assert read.status_code == 200
    assert read.content == content
    assert read.headers["content-length"] == str(len(content))
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"] == "attachment; filename=\"data.bin\"; filename*=UTF-8''data.bin"


@pytest.mark.parametrize("content", [b"", b"\0", b"\r\n--", b"--boundary\r\n" * 1000, bytes(range(256)) * 1024])
async def test_any_content_comes_back(files: Files, content: bytes) -> None:
    assert (await files.upload("x", content)).status_code == 200
    assert (await files.download("x")).content == content


async def test_a_file_is_replaced_and_keeps_its_mode(files: Files) -> None:
    await files.upload("script", b"one", mode=0o755)
    await files.upload("script", b"two")
    assert (await files.download("script")).content == b"two"
    assert (files.home / "script").stat().st_mode & 0o777 == 0o755


async def test_hostile_names_do_no_harm(files: Files) -> None:
    name = 'a"b\r\nX-Evil: 1;<script>é'
    assert (await files.upload(name, b"x")).status_code == 200
    read = await files.download(name)
    assert read.content == b"x"
    assert "x-evil" not in read.headers
    assert read.headers["content-disposition"].startswith('attachment; filename="a_b__X-Evil_ 1__script__"; ')


async def test_a_path_that_is_a_folder(files: Files) -> None:
    (files.home / "folder").mkdir()
    read = await files.download("folder")
    assert (read.status_code, read.json()["detail"]["error"]) == (400, "ReadError")
    written = await files.upload("folder", b"x" * 2_000_000)
    assert (written.status_code, written.json()["detail"]["error"]) == (400, "WriteError")


async def test_a_path_through_a_file(files: Files) -> None:
    await files.upload("plain", b"x")
    written = await files.upload("plain/below", b"x")
    assert (written.status_code, written.json()["detail"]["error"]) == (400, "WriteError")


async def test_what_does_not_exist_is_404(files: Files) -> None:
    read = await files.download("none")
    assert (read.status_code, read.json()["detail"]["error"]) == (404, "FileNotFound")


async def test_outside_the_sandbox_there_is_nothing_to_find(files: Files) -> None:
    """The path is resolved inside the sandbox by its own user, so going up ends at its root."""
    read = await files.download("../../../../../../../../no-such-file-at-the-root")
    assert (read.status_code, read.json()["detail"]["error"]) == (404, "FileNotFound")


@pytest.mark.parametrize("path", ["/proc/sysrq-trigger", "/sys/kernel/notes/x"])
async def test_what_cannot_be_written_says_so(files: Files, path: str) -> None:
    written = await files.upload(path, b"")
    assert written.status_code in (400, 403, 404)
    assert written.json()["detail"]["error"] in ("WriteError", "PermissionDenied", "FileNotFound")


async def test_no_permission_is_403(files: Files, sandboxd: Sandboxd) -> None:
    if os.geteuid() == 0:
        read = await files.download("/proc/1/nothing")
        assert read.status_code == 404
        return
    read = await files.download("/etc/shadow")
    assert (read.status_code, read.json()["detail"]["error"]) == (403, "PermissionDenied")
    assert sandboxd.process is not None


@pytest.mark.parametrize("path", ["", "x" * 5000, "a\0b"])
async def test_a_path_that_cannot_be_is_refused(files: Files, path: str) -> None:
    assert (await files.upload(path, b"x")).status_code in (400, 422)
    assert (await files.download(path)).status_code in (400, 422)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, b"raw"),
        ({"Content-Type": "application/json"}, b"{}"),
        ({"Content-Type": "multipart/form-data"}, b"x"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"not a form"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n\r\nno name\r\n--b--\r\n"),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
        ),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nbroken off',
        ),
    ],
)
async def test_a_form_that_is_none_is_422_and_writes_nothing(
    files: Files, api: httpx.AsyncClient, headers: dict[str, str], content: bytes
) -> None:
    answer = await api.post(f"{files.url}/upload", params={"path": "x"}, headers=headers, content=content)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "file"]
    until(lambda: list(files.home.iterdir()) == [])


async def test_a_file_beyond_the_bound_is_413_and_leaves_nothing(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    server = own_sandboxd(upload_limit=1_000_000)
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    files = Files(api, box["dataplane_url"], server.run_dir / "sandboxes" / box["id"] / "home")
    assert (await files.upload("fits", b"x" * 1_000_000)).status_code == 200
    refused = await files.upload("large", b"x" * 1_000_001)
    assert (refused.status_code, refused.json()["detail"]["error"]) == (413, "WriteError")
    until(lambda: [path.name for path in files.home.iterdir()] == ["fits"])


async def test_a_client_that_vanishes_in_mid_upload_leaves_nothing(files: Files, api: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + b"x" * 1_000_000
        raise ConnectionAbortedError

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with pytest.raises(ConnectionAbortedError):
        await api.post(f"{files.url}/upload", params={"path": "x"}, headers=headers, content=body())
    until(lambda: list(files.home.iterdir()) == [])
    assert (await files.download("x")).status_code == 404


async def test_a_gigabyte_streams_both_ways_in_little_memory(
    own_sandboxd: Callable[..., Sandboxd], clients: Callable[..., httpx.AsyncClient]
) -> None:
    """In scale: 200 MB through a server that may grow by 24 MB."""
    server = own_sandboxd()
    api = clients(server)
    await api.post("/templates", json={"name": "t", "image": "host"})
    box = (await api.post("/boxes", json={"template_name": "t"})).json()
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status")

    def peak() -> int:
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024

    size, piece = 200, b"x" * (1 << 20)

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(size):
            yield piece
        yield b"\r\n--b--\r\n"

    before = peak()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    url = box["dataplane_url"]
    written = await api.post(f"{url}/upload", params={"path": "big"}, headers=headers, content=body())
    assert written.json()["size"] == size << 20
    read = 0
    async with api.stream("GET", f"{url}/download", params={"path": "big"}) as answer:
        assert answer.headers["content-length"] == str(size << 20)
        async for part in answer.aiter_raw():
            read += len(part)
    assert read == size << 20
    assert peak() - before < 24 << 20


async def test_a_download_whose_client_leaves_is_given_up(files: Files, api: httpx.AsyncClient) -> None:
    await files.upload("big", b"x" * 30_000_000)
    async with api.stream("GET", f"{files.url}/download", params={"path": "big"}) as answer:
        async for _ in answer.aiter_raw():
            break
    assert (await files.download("big")).headers["content-length"] == "30000000"


async def test_parallel_uploads_to_one_path_end_with_one_of_them_whole(files: Files) -> None:
    contents = [bytes([65 + number]) * 300_000 for number in range(6)]
    answers = await asyncio.gather(*(files.upload("same", content) for content in contents))
    assert {answer.status_code for answer in answers} == {200}
    assert (await files.download("same")).content in contents
