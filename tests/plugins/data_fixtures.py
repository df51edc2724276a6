"""Provides real images, and a small run and bundle that are made from them once a session."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"
Run = Callable[..., subprocess.CompletedProcess[str]]
SMALL_TRAINING = ("--backbone", "simple-cnn", "--input-size", "64", "--head-epochs", "10")
SMALL_TRAINING += ("--epochs", "10", "--variants", "2", "--batch", "16", "--patience", "4")


def shared(folder: str) -> Path:
    """Returns a folder of the shared images; skips the test by name where it is absent."""
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"the images of {folder} are not here ({path})")
    return path


@pytest.fixture(scope="session")
def fruits() -> Path:
    return shared("fruits360-16")


@pytest.fixture(scope="session")
def grocery() -> Path:
    return shared("grocery-fruit")


@pytest.fixture(scope="session")
def camera_jpegs() -> Path:
    return shared("camera-jpegs")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Fills a folder in the first of pytest-xdist's processes that needs it; others wait for it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def fill(name: str, make: Callable[[Path], None]) -> Path:
        folder = base / name / "cells"
        folder.parent.mkdir(exist_ok=True)
        with (folder.parent / "made").open("a") as made:
            fcntl.flock(made, fcntl.LOCK_EX)
            if not made.tell():
                make(folder)
                made.write("yes")
        return folder

    return fill


@pytest.fixture(scope="session")
def cells(made_once: Callable[..., Path]) -> Path:
    """Returns a folder per class with 60 real photos of solar cells, mono and polycrystalline.

    A small network learns them easily.
    """

    def copy(folder: Path) -> None:
        package = Path(str(find_spec("elpv_dataset").origin)).parent / "data"  # type: ignore[union-attr]
        counts = {"mono": 0, "poly": 0}
        for line in (package / "labels.csv").read_text().splitlines():
            file, _probability, label = line.split()
            if counts[label] < 60:
                counts[label] += 1
                (folder / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(package / file, folder / label)

    return made_once("data", copy)


@pytest.fixture(scope="session")
def small_training() -> tuple[str, ...]:
    """The options `trained` was made with."""
    return SMALL_TRAINING


@pytest.fixture(scope="session")
def trained(cells: Path, run_cli: Run, made_once: Callable[..., Path]) -> Path:
    """Returns the run folder of a small network trained on `cells`. To change it use `run_copy`."""

    def train(folder: Path) -> None:
        done = run_cli("train", cells, "-o", folder, *SMALL_TRAINING)
        assert done.returncode == 0, done.stderr

    return made_once("runs", train)


@pytest.fixture(scope="session")
def exported(trained: Path, run_cli: Run, made_once: Callable[..., Path]) -> Path:
    """Returns a bundle with int8 TFLite and fp32 ONNX of `trained`. To change it use `bundle`."""

    def export(folder: Path) -> None:
        for kind in ("tflite", "onnx"):
            done = run_cli(
                "export", kind, trained, "-o", folder, "--max-drop", "0.2", "--min-agreement", "0.8"
            )
            assert done.returncode == 0, done.stderr

    return made_once("bundles", export)


@pytest.fixture
def run_copy(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """A copy of `exported` that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def with_oddities() -> Callable[[Path], Path]:
    """Fills a folder with files that are no images or could block, loop or exhaust memory."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        os.mkfifo(folder / "fifo.jpg")
        (folder / "zero.jpg").symlink_to("/dev/zero")
        (folder / "loop.jpg").symlink_to("loop.jpg")
        (folder / "dangling.jpg").symlink_to("nowhere")
        (folder / "again").symlink_to(".")
        with (folder / "sparse.jpg").open("wb") as file:
            file.truncate(8 * 2**30)
        (folder / "empty.jpg").touch()
        (folder / "text.jpg").write_text("hello")
        (folder / "line\nbreak\x1b[31m.jpg").write_text("hello")
        Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9.jpg")).write_text("hello")
        (folder / ("n" * 251 + ".jpg")).write_text("hello")
        return folder

    return make


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Returns the content of each file below a folder, by its path there."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
