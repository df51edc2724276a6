"""runtime.sources.files: every file once, in a stable order, whatever the folder holds."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.sources.files import expand, subfolders, walk


def listed(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in walk(folder)]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_order_is_by_the_bytes_of_the_names_within_each_folder(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "B.jpg", "a/2.jpg", "a/10.jpg", "é.jpg", "z.jpg", "c/a/1.jpg", "c/0.jpg")
    assert listed(tmp_path) == ["B.jpg", "a/10.jpg", "a/2.jpg", "b.jpg", "c/0.jpg", "c/a/1.jpg", "z.jpg", "é.jpg"]


def test_every_file_is_listed_whatever_its_suffix_but_not_what_file_managers_leave(tmp_path: Path) -> None:
    touch(tmp_path, "x.webp", "x.JPEG", "noextension", "notes.txt", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden/x.jpg")
    assert listed(tmp_path) == ["noextension", "notes.txt", "x.JPEG", "x.webp"]


def test_oddities_are_each_listed_once_and_nothing_loops(tmp_path: Path, with_oddities: Callable[[Path], Path]) -> None:
    folder = with_oddities(tmp_path / "odd")
    found = listed(folder)
    assert len(found) == len(set(found)) == 10
    assert {"fifo.jpg", "zero.jpg", "loop.jpg", "dangling.jpg", "sparse.jpg", os.fsdecode(b"latin-\xe9.jpg")} <= set(found)
    assert "again" not in found


def test_folder_reached_by_two_links_is_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "real/1.jpg")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "up").symlink_to("..")
    assert listed(tmp_path) == ["link/1.jpg"]


def test_deep_folders_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    deep, here = 1500, os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(deep):
            os.mkdir("d")
            os.chdir("d")
        Path("x.jpg").touch()
    finally:
        os.chdir(here)
    depths = [len(path.relative_to(tmp_path).parts) for path in walk(tmp_path)]
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own clearing up would exhaust the stack
    assert depths == [deep + 1]


def test_expand_keeps_files_and_walks_folders_in_the_order_given(tmp_path: Path) -> None:
    touch(tmp_path, "f/2.jpg", "f/1.jpg", "z.jpg")
    given = [tmp_path / "z.jpg", tmp_path / "f", tmp_path / "missing.jpg", tmp_path / ("n" * 300)]
    assert [path.name for path in expand(given)] == ["z.jpg", "1.jpg", "2.jpg", "missing.jpg", "n" * 300]


def test_folder_that_cannot_be_listed_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="missing: No such file"):
        subfolders(tmp_path / "missing")
    touch(tmp_path, "file")
    with pytest.raises(InputRefused, match="file: Not a directory"):
        subfolders(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_folder_without_permission_is_refused_by_name(tmp_path: Path, open_to_all) -> None:
    (tmp_path / "locked").mkdir(mode=0o000)
    open_to_all(tmp_path)
    touch(tmp_path, "open/1.jpg")
    os.seteuid(65534)
    try:
        assert len(list(walk(tmp_path / "open"))) == 1
        with pytest.raises(MachineError, match="locked: Permission denied"):
            list(walk(tmp_path / "locked"))
    finally:
        os.seteuid(0)


def test_subfolders_follow_links_and_leave_out_files_and_hidden_ones(tmp_path: Path) -> None:
    touch(tmp_path, "b/1", "a/1", ".hidden/1", "file")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "loop").symlink_to("loop")
    assert [folder.name for folder in subfolders(tmp_path)] == ["a", "b", "link"]
