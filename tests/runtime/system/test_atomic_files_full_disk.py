"""Tests that a full or read-only disk leaves the old file or folder as it was."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import MachineError
from runtime.system.atomic_files import new_folder, write_file


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A tmpfs of 300 kB."""
    with tempfile.TemporaryDirectory() as place:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place],
            capture_output=True,
            text=True,
        )
        if mounted.returncode:
            pytest.skip(f"mounting a tmpfs is not permitted here: {mounted.stderr.strip()}")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def test_full_disk_leaves_the_old_byte_identical_and_no_temporary_files(
    tiny_disk: Path, contents, names, fill
) -> None:
    write_file(tiny_disk / "file", os.urandom(100_000))
    fill(tiny_disk / "folder", "old")
    before, inodes = contents(tiny_disk), names(tiny_disk)
    with pytest.raises(
        MachineError, match="file: cannot be written: the disk is full; what was there is unchanged"
    ):
        write_file(tiny_disk / "file", bytes(400_000))
    with pytest.raises(MachineError, match="folder: cannot be written: the disk is full"):
        fill(tiny_disk / "folder", "x" * 400_000)
    assert contents(tiny_disk) == before
    assert names(tiny_disk) == inodes
    write_file(tiny_disk / "file", b"small enough")
    assert (tiny_disk / "file").read_bytes() == b"small enough"


def test_a_copied_folder_on_a_full_disk_is_one_short_line(tiny_disk: Path, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.bin").write_bytes(bytes(50_000))
    with (
        pytest.raises(MachineError, match="cannot be written: the disk is full") as error,
        new_folder(tiny_disk / "folder") as folder,
    ):
        shutil.copytree(tmp_path, folder / "copy")
    assert len(error.value.reason) < 100


def test_read_only_file_system_is_the_machines_fault(tiny_disk: Path, contents, fill) -> None:
    write_file(tiny_disk / "file", "old")
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    for write in (
        lambda: write_file(tiny_disk / "file", "new"),
        lambda: fill(tiny_disk / "folder", "new"),
    ):
        with pytest.raises(MachineError, match="Read-only file system"):
            write()
    assert contents(tiny_disk) == {"file": b"old"}
