"""The scripts in examples/ run as their first line says, on a real bundle and real images."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def images(cells: Path, tmp_path: Path) -> Path:
    """A folder with two images of each class, and a file that is no image."""
    folder = tmp_path / "images"
    for label in ("mono", "poly"):
        (folder / label).mkdir(parents=True)
        for file in sorted((cells / label).iterdir())[:2]:
            shutil.copy(file, folder / label)
    (folder / "notes.txt").write_text("no image")
    return folder


def run(name: str, *words: str | Path, tmp_path: Path) -> list[str]:
    """Runs an example and returns the lines it prints. `quince` is on the path, as if installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    quince = programs / "quince"
    main = "from runtime.cli.console_script import main; main()"
    quince.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{main}" "$@"\n')
    quince.chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES.parent),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, EXAMPLES / name, *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_classify_images_names_each_image(exported: Path, images: Path, tmp_path: Path) -> None:
    files = sorted(images.rglob("*.png"))
    lines = run("classify_images.py", exported, *files, tmp_path=tmp_path)
    assert [line.partition(": ")[0] for line in lines] == list(map(str, files))
    assert all("mono" in line or "poly" in line for line in lines)


def test_sort_images_copies_each_image_into_one_folder(
    exported: Path, images: Path, tmp_path: Path
) -> None:
    lines = run("sort_images.py", exported, images, tmp_path / "sorted", tmp_path=tmp_path)
    copies = [file for file in (tmp_path / "sorted").rglob("*") if file.is_file()]
    assert len(lines) == len(copies) == 4
    assert {file.parent.name for file in copies} <= {"mono", "poly", "unknown", "unsure"}


def test_count_answers_counts_every_image_of_a_folder(
    exported: Path, images: Path, tmp_path: Path
) -> None:
    (images / "notes.txt").unlink()
    lines = run("count_answers.py", exported, images, tmp_path=tmp_path)
    assert lines
    assert sum(int(line.rpartition(": ")[2]) for line in lines) <= 4


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text()
    assert all(file.name in text for file in EXAMPLES.glob("*.py"))
