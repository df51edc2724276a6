"""Tests that the commands of the page do what they say, in real shells and with any name."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from train.data.image_folder import scan_image_folder
from train.review.move_commands import MoveCommands, quote
from workstation.run_folder import ImageRecord

NAMES = [
    "plain.jpg",
    "two words.jpg",
    "-f.jpg",
    "it's.jpg",
    'say "hi".jpg',
    "$(touch hacked).jpg",
    "`touch hacked`;&|.jpg",
    "back\\slash\\n.jpg",
    "100%s!.jpg",
    "line\nbreak.jpg",
    "tab\tesc\x1b[31m $(touch hacked) 'x' %d !.jpg",
    "\u202egnp.jpg",
    "end.jpg\n",
    os.fsdecode(b"latin-\xe9.jpg"),
    "Grüße 写真.jpg",
]
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh") if shutil.which(shell)]


def _record(path: str, label: str) -> ImageRecord:
    return ImageRecord("train", label, path, "0")


def _run(shell: str, start: str, command: str) -> None:
    words = os.fsencode(f"{start} && {command}")
    done = subprocess.run([shell, "-c", words], cwd="/", capture_output=True)
    assert (done.returncode, done.stderr) == (0, b""), command


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("label", ["b", "-b 'x' \"$(touch hacked)\"\x1b"], ids=["b", "hostile"])
def test_each_name_is_moved_whole(tmp_path: Path, shell: str, label: str) -> None:
    root = tmp_path / "-it's the\ndata"
    for name in NAMES:
        for folder in ("a", "c"):
            (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (root / folder / name).write_text(f"{folder}{name}", errors="surrogateescape")
    (root / label).mkdir()
    (root / label / "old.jpg").write_text("old")
    moves = MoveCommands(scan_image_folder(root))
    for name in NAMES:
        _run(shell, moves.start, moves.relabel(_record(f"a/{name}", "a"), label))
        _run(shell, moves.start, moves.set_aside(_record(f"c/{name}", "c")))
    aside = tmp_path / f"{root.name}-set-aside"
    assert sorted(os.listdir(root / label)) == sorted([*NAMES, "old.jpg"])
    assert sorted(os.listdir(aside / "c")) == sorted(NAMES)
    assert os.listdir(root / "a") == os.listdir(root / "c") == []
    assert sorted(os.listdir(tmp_path)) == sorted([root.name, aside.name])
    for name in NAMES:
        moved = (root / label / name).read_text(errors="surrogateescape")
        assert moved == f"a{name}"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Classes number their images alike; and a file may come after the page was written."""
    root = tmp_path / "data"
    for label in "abc":
        (root / label).mkdir(parents=True)
        (root / label / "1.jpg").write_text(label)
    moves = MoveCommands(scan_image_folder(root))
    first = moves.relabel(_record("a/1.jpg", "a"), "b")
    second = moves.relabel(_record("c/1.jpg", "c"), "b")
    assert (first, second) == ("mv -n -- a/1.jpg b/1-2.jpg", "mv -n -- c/1.jpg b/1-3.jpg")
    (root / "b/1-3.jpg").write_text("late")
    _run("sh", moves.start, first)
    subprocess.run(["sh", "-c", second], cwd=root, check=False)
    found = {file.name: file.read_text() for file in (root / "b").iterdir()}
    assert found == {"1.jpg": "b", "1-2.jpg": "a", "1-3.jpg": "late"}
    assert (root / "c/1.jpg").read_text() == "c"


def test_image_keeps_its_split_and_its_object(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for split in ("Training", "Test"):
        for label in "ab":
            (root / split / label / "apple 1").mkdir(parents=True)
            (root / split / label / "apple 1" / f"{label}.jpg").write_text(label)
    (root / "Training/a/apple 2").mkdir()
    (root / "Training/a/apple 2/x.jpg").write_text("x")
    moves = MoveCommands(scan_image_folder(root))
    known = moves.relabel(_record("Training/a/apple 1/a.jpg", "a"), "b")
    new = moves.relabel(_record("Training/a/apple 2/x.jpg", "a"), "b")
    assert known == "mv -n -- 'Training/a/apple 1/a.jpg' 'Training/b/apple 1/a.jpg'"
    for command in (known, new):
        _run("sh", moves.start, command)
    assert (root / "Training/b/apple 2/x.jpg").read_text() == "x"
    assert (root / "Training/b/apple 1/a.jpg").read_text() == "a"


def test_quoted_names_can_be_copied_from_a_page() -> None:
    for name in NAMES:
        assert quote(name).isprintable() or name.endswith("\n")
