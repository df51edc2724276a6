"""Tests that a file or folder is written completely or not at all, and replaces the old at once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.system.atomic_files import new_file, new_folder, scratch_folder, write_file

ROOT = Path(__file__).parents[3]


def killed_inside(code: str, *arguments: Path) -> None:
    """Runs Python code that prints "inside" while it writes, and kills it there."""
    start = (
        "import sys, time\nfrom pathlib import Path\nfrom runtime.system.atomic_files import *\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", start + code, *arguments], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"inside\n"
    writer.kill()
    writer.wait()
    writer.stdout.close()


WRITE_FOLDER = """
with new_folder(Path(sys.argv[1])) as new:
    (new / "whole").write_text("half")
    print("inside", flush=True)
    time.sleep(60)
"""
WRITE_FILE = """
with new_file(Path(sys.argv[1])) as new:
    new.write_text("half")
    print("inside", flush=True)
    time.sleep(60)
"""


def test_file_is_made_with_its_folders_and_replaced(tmp_path: Path, names) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_file(path, "één")
    assert path.read_bytes() == "één".encode()
    write_file(path, b"\0two")
    assert path.read_bytes() == b"\0two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert names(path.parent) == ["file.txt"]


def test_folder_is_made_and_then_exchanged_as_a_whole(
    tmp_path: Path, contents, names, fill
) -> None:
    path = tmp_path / "a" / "out"
    fill(path, "one")
    (path / "old only").touch()
    inode = path.stat().st_ino
    fill(path, "two")
    assert contents(path) == {"sub/part": b"two", "whole": b"two"}
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o755
    assert names(path.parent) == ["out"]


def test_reader_never_sees_the_folder_missing_or_mixed(tmp_path: Path, fill) -> None:
    path, seen = tmp_path / "out", set()
    fill(path, "0" * 1000)
    child = os.fork()
    if not child:
        for number in range(1, 60):
            fill(path, str(number % 10) * 1000)
        os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)  # fails where the folder is missing
        try:
            parts = []
            for name in ("whole", "sub/part"):
                with open(os.open(name, os.O_RDONLY, dir_fd=folder)) as file:
                    parts.append(file.read())
            assert parts[0] == parts[1]
            assert len(parts[0]) == 1000
            seen.add(parts[0])
        except FileNotFoundError:
            pass  # the old folder, removed while it was read
        finally:
            os.close(folder)
    assert len(seen) > 2


@pytest.mark.parametrize(
    "error", [ValueError("inside"), KeyboardInterrupt()], ids=["error", "interrupt"]
)
def test_error_leaves_the_old_and_no_temporary_files(
    tmp_path: Path, error: BaseException, contents, fill
) -> None:
    write_file(tmp_path / "file", "old")
    fill(tmp_path / "folder", "old")
    before = contents(tmp_path)

    def fail_in_file() -> None:
        with new_file(tmp_path / "file") as new:
            new.write_text("half")
            raise error

    def fail_in_folder() -> None:
        with new_folder(tmp_path / "folder") as new:
            (new / "whole").write_text("half")
            raise error

    for fail in (fail_in_file, fail_in_folder):
        with pytest.raises(type(error)):
            fail()
    assert contents(tmp_path) == before


def test_killed_writer_leaves_the_old_folder_and_the_next_one_cleans_up(
    tmp_path: Path, contents, names, fill
) -> None:
    path = tmp_path / "out"
    fill(path, "old")
    killed_inside(WRITE_FOLDER, path)
    assert contents(path) == {"sub/part": b"old", "whole": b"old"}
    assert len(names(tmp_path)) == 2, "the killed one could not clear up"
    fill(path, "new")
    assert contents(tmp_path) == {"out/sub/part": b"new", "out/whole": b"new"}
    assert names(tmp_path) == ["out"]


def test_killed_writer_leaves_the_old_file_and_the_next_one_cleans_up(
    tmp_path: Path, contents, names
) -> None:
    path = tmp_path / "file.csv"
    write_file(path, "old")
    killed_inside(WRITE_FILE, path)
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    write_file(path, "new")
    assert contents(tmp_path) == {"file.csv": b"new"}


def test_files_of_a_running_writer_stay(tmp_path: Path, names, fill) -> None:
    with new_folder(tmp_path / "one") as one:
        (one / "whole").write_text("one")
        fill(tmp_path / "two", "two")
        with scratch_folder(tmp_path):
            pass
        write_file(tmp_path / "three", "three")
    assert names(tmp_path) == ["one", "three", "two"]
    assert (tmp_path / "one" / "whole").read_text() == "one"


def test_only_our_own_leftovers_are_removed(tmp_path: Path, names) -> None:
    theirs = [
        ".quince-notes-1",
        ".quince-",
        ".quince-12x-a",
        "quince-1-a",
        f".quince-{os.getpid()}-a",
        ".quince-1-a",
    ]
    for name in theirs:
        (tmp_path / name).touch()
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / f".quince-{gone.pid}-folder").mkdir()
    (tmp_path / f".quince-{gone.pid}-link").symlink_to(tmp_path)
    write_file(tmp_path / "new", "")
    assert names(tmp_path) == sorted([*theirs, "new"])


def test_scratch_folder_is_gone_afterwards(tmp_path: Path, names) -> None:
    with scratch_folder(tmp_path / "cache") as scratch:
        (scratch / "part").write_text("x")
        assert scratch.parent == tmp_path / "cache"
    assert names(tmp_path / "cache") == []


def test_link_to_a_folder_stays_a_link_and_its_folder_is_exchanged(
    tmp_path: Path, contents, names, fill
) -> None:
    fill(tmp_path / "v1", "old")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "current"
    link.symlink_to("../v1")
    fill(link, "new")
    fill(link, "newer")
    assert link.is_symlink()
    assert contents(tmp_path / "v1") == {"sub/part": b"newer", "whole": b"newer"}
    assert (names(tmp_path), names(tmp_path / "links")) == (["links", "v1"], ["current"])


def test_folder_replaces_no_file_and_no_dangling_link_and_is_not_made_below_a_file(
    tmp_path: Path,
    names,
    fill,
) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "dangling").symlink_to("/nowhere/at/all")
    for path in (tmp_path / "file", tmp_path / "dangling", tmp_path / "file" / "below"):
        with pytest.raises(InputRefused, match="cannot be written") as refusal:
            fill(path, "new")
        assert refusal.value.thing == str(path)
    assert (tmp_path / "file").read_text() == "precious"
    assert names(tmp_path) == ["dangling", "file"]
    assert not Path("/nowhere").exists()


def test_file_replaces_no_folder_and_is_not_made_below_a_file(
    tmp_path: Path, contents, fill
) -> None:
    fill(tmp_path / "folder", "precious")
    for path in (tmp_path / "folder", tmp_path / "folder" / "whole" / "below"):
        with pytest.raises(InputRefused, match="cannot be written"):
            write_file(path, "new")
    assert contents(tmp_path) == {"folder/sub/part": b"precious", "folder/whole": b"precious"}


def test_everything_is_synced_before_the_move_and_the_move_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, folder, rename, parent folder: in this order a power cut leaves the old or the new."""
    order = []

    def synced(descriptor: int) -> None:
        order.append(("sync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        order.append(("rename", Path(target).name))
        rename(source, target)

    fsync, rename, replace = os.fsync, os.rename, os.replace
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    with new_folder(tmp_path / "whole") as folder:
        (folder / "part").write_text("x")
        temporary = folder.name
    assert order == [
        ("sync", "part"),
        ("sync", temporary),
        ("rename", "whole"),
        ("sync", tmp_path.name),
    ]

    order.clear()
    monkeypatch.setattr(
        os,
        "replace",
        lambda source, target: (
            order.append(("rename", Path(target).name)),
            replace(source, target),
        ),
    )
    write_file(tmp_path / "file", "x")
    assert [step for step, _ in order] == ["sync", "rename", "sync"]


def test_terminated_writer_cleans_up_itself(tmp_path: Path, contents, fill) -> None:
    """runtime.cli.signals turns SIGTERM into an exception, and every `with` cleans up."""
    code = """
import sys, time
from pathlib import Path
from runtime.cli.program import run_program
from runtime.system.atomic_files import new_folder
def main(arguments):
    with new_folder(Path(arguments[0])) as new:
        (new / "whole").write_text("half")
        print("inside", flush=True)
        for _ in range(600):  # a signal just before a sleep is handled only after it
            time.sleep(0.1)
run_program("writer", main, sys.argv[1:])
"""
    fill(tmp_path / "out", "old")
    writer = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "out"], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"inside\n"
    writer.send_signal(signal.SIGTERM)
    assert writer.wait(10) == 143
    writer.stdout.close()
    assert contents(tmp_path) == {"out/sub/part": b"old", "out/whole": b"old"}
