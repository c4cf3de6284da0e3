"""The host image, made from a machine of this test's own making."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.namespaces import image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    root = tmp_path / "machine"
    for folder in ("usr/bin", "usr/lib", "etc/ssl/certs", "etc/ssl/private", "etc/ld.so.conf.d", "etc/alternatives"):
        (root / folder).mkdir(parents=True)
    for name in ("bin", "sbin", "lib"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr/bin/python3").touch()
    for name in ("shadow", "passwd", "machine-id", "hostname", "ssl/private/key.pem", "services", "ssl/certs/ca.pem"):
        (root / "etc" / name).write_text(f"{name} of the machine")
    (root / "etc/ssl/certs/0a1b.0").symlink_to("ca.pem")
    (root / "etc/ssl/certs/hidden.pem").write_text("for root only")
    (root / "etc/ssl/certs/hidden.pem").chmod(0o600)
    (root / "etc/alternatives/awk").symlink_to("/usr/bin/mawk")
    return root


def test_it_works(tmp_path: Path, machine: Path) -> None:
    tree = image.prepare(tmp_path / "images", machine)
    root = tree.tree / "root"
    assert tree.usr == machine / "usr"
    assert tree.links == ()
    assert str((root / "bin").readlink()) == "usr/bin"
    assert (root / "etc/services").read_text() == "services of the machine"
    assert (root / "etc/ssl/certs/ca.pem").exists()
    assert str((root / "etc/ssl/certs/0a1b.0").readlink()) == "ca.pem"
    assert str((root / "etc/alternatives/awk").readlink()) == "/usr/bin/mawk"
    assert str((tree.tree / "usr/local/bin/python").readlink()) == "/usr/bin/python3"
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (root / "root").stat().st_mode & 0o7777 == 0o700


def test_nothing_private_of_the_machine(tmp_path: Path, machine: Path) -> None:
    root = image.prepare(tmp_path / "images", machine).tree / "root"
    assert not (root / "etc/machine-id").exists()
    assert not (root / "etc/ssl/private").exists()
    assert not (root / "etc/ssl/certs/hidden.pem").exists()
    for name in ("passwd", "shadow", "hostname"):
        assert "of the machine" not in (root / "etc" / name).read_text()


def test_it_is_kept_until_the_machine_changes(tmp_path: Path, machine: Path) -> None:
    images = tmp_path / "images"
    first = image.prepare(images, machine).tree
    assert image.prepare(images, machine).tree == first
    (machine / "etc/services").write_text("others")
    second = image.prepare(images, machine).tree
    assert second != first
    image.forget_others(images, second)
    assert [path for path in images.iterdir() if path.is_dir()] == [second]


def test_a_machine_with_a_python_of_its_own_name(tmp_path: Path, machine: Path) -> None:
    (machine / "usr/bin/python").touch()
    assert not (image.prepare(tmp_path / "images", machine).tree / "usr/local").exists()


def test_a_machine_whose_top_folders_are_real(tmp_path: Path, machine: Path) -> None:
    (machine / "lib64").mkdir()
    tree = image.prepare(tmp_path / "images", machine)
    assert tree.links == ("lib64",)
    assert (tree.tree / "root/lib64").is_dir()


def test_what_does_not_fit_is_left_out(tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_COPIED", 20)
    root = image.prepare(tmp_path / "images", machine).tree / "root"
    assert not (root / "etc/services").exists()
    assert (root / "etc/passwd").exists()
