"""Tests that every file is listed once, in a stable order, whatever the folder holds."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.sources.paths import expand, subfolders, walk


def listed(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in walk(folder)]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_order_is_by_the_bytes_of_the_names_within_each_folder(tmp_path: Path) -> None:
    touch(
        tmp_path, "b.jpg", "B.jpg", "a/2.jpg", "a/10.jpg", "é.jpg", "z.jpg", "c/a/1.jpg", "c/0.jpg"
    )
    assert listed(tmp_path) == [
        "B.jpg",
        "a/10.jpg",
        "a/2.jpg",
        "b.jpg",
        "c/0.jpg",
        "c/a/1.jpg",
        "z.jpg",
        "é.jpg",
    ]


def test_every_file_is_listed_whatever_its_suffix_but_not_what_file_managers_leave(
    tmp_path: Path,
) -> None:
    touch(
        tmp_path,
        "x.webp",
        "x.JPEG",
        "noextension",
        "notes.txt",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        ".hidden/x.jpg",
    )
    assert listed(tmp_path) == ["noextension", "notes.txt", "x.JPEG", "x.webp"]


def test_what_is_left_out_is_named_and_a_hidden_folder_counts_once(tmp_path: Path) -> None:
    names = (".DS_Store", "a/Thumbs.db", "a/desktop.ini", "a/._x.jpg", ".hidden/x.jpg")
    touch(tmp_path, "a/x.jpg", *names)
    left_out: list[Path] = []
    assert [path.name for path in walk(tmp_path, left_out=left_out)] == ["x.jpg"]
    assert {str(path.relative_to(tmp_path)) for path in left_out} == {*names[:4], ".hidden"}


def test_link_to_a_parent_folder_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "cats/1.jpg", "cats/deep/2.jpg", "dogs/3.jpg")
    for name, target in (("up", ".."), ("self", "."), ("top", "/"), ("named", "../../cats")):
        (tmp_path / "cats" / "deep" / name).symlink_to(target)
    (tmp_path / "all").symlink_to(".")
    (tmp_path / "cats" / "friends").symlink_to("../dogs")  # a neighbour, as users link them
    left_out: list[Path] = []
    walked = [path.name for path in walk(tmp_path / "cats", left_out=left_out)]
    assert walked == ["1.jpg", "2.jpg", "3.jpg"]
    assert {path.name for path in left_out} == {"up", "self", "top", "named"}
    assert [folder.name for folder in subfolders(tmp_path)] == ["cats", "dogs"]


def test_oddities_are_each_listed_once_and_nothing_loops(
    tmp_path: Path, with_oddities: Callable[[Path], Path]
) -> None:
    folder = with_oddities(tmp_path / "odd")
    names = listed(folder)
    assert len(names) == len(set(names)) == 10
    assert {
        "fifo.jpg",
        "zero.jpg",
        "loop.jpg",
        "dangling.jpg",
        "sparse.jpg",
        os.fsdecode(b"latin-\xe9.jpg"),
    } <= set(names)
    assert "again" not in names


def test_folder_reached_by_two_links_is_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "real/1.jpg")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "up").symlink_to("..")
    assert listed(tmp_path) == ["link/1.jpg"]


def test_deep_folders_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    deep, working_folder = 1500, os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(deep):
            os.mkdir("d")
            os.chdir("d")
        Path("x.jpg").touch()
    finally:
        os.chdir(working_folder)
    depths = [len(path.relative_to(tmp_path).parts) for path in walk(tmp_path)]
    # pytest's own cleanup would exhaust the stack.
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)
    assert depths == [deep + 1]


def test_expand_keeps_files_and_walks_folders_in_their_order(tmp_path: Path) -> None:
    touch(tmp_path, "f/2.jpg", "f/1.jpg", "z.jpg")
    paths = [tmp_path / "z.jpg", tmp_path / "f", tmp_path / "missing.jpg", tmp_path / ("n" * 300)]
    assert [path.name for path in expand(paths)] == [
        "z.jpg",
        "1.jpg",
        "2.jpg",
        "missing.jpg",
        "n" * 300,
    ]


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


def test_subfolders_follow_links_and_skip_files_and_hidden_ones(tmp_path: Path) -> None:
    touch(tmp_path, "b/1", "a/1", ".hidden/1", "file")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "loop").symlink_to("loop")
    assert [folder.name for folder in subfolders(tmp_path)] == ["a", "b", "link"]


def test_what_servers_and_archive_programs_leave_is_left_out_with_all_in_it(tmp_path: Path) -> None:
    for name in ("1.jpg", "@eaDir/1.jpg/THUMB.jpg", "$RECYCLE.BIN/2.jpg", "__MACOSX/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    left_out: list[Path] = []
    assert list(walk(tmp_path, left_out=left_out)) == [tmp_path / "1.jpg"]
    assert {path.name for path in left_out} == {"@eaDir", "$RECYCLE.BIN", "__MACOSX"}
    assert subfolders(tmp_path) == []
