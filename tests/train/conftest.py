"""Provides small disks that can be full, an image cache, and photos to fill folders with."""

import io
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from warm_python import WarmPython

from runtime.images.preprocessing import Preprocessing
from train.data.decoded_cache import PixelCache

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """The options of the shortest training."""
    network = ("--backbone", "simple-cnn", "--input-size", "32")
    return (*network, "--head-epochs", "1", "--epochs", "0", "--variants", "1")


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """Returns the one line of an error that is found before any image is read."""

    def line(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("python -m train: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("python -m train: ").rstrip()

    return line


@pytest.fixture
def start_train(warm_python: WarmPython) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m train ...`, and kills it at the end of the test."""
    processes = []

    def begin(*words: str | Path) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = warm_python.start(["train", *map(str, words)], env=environment)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def wait_for() -> Callable[[str | tuple[str, ...], subprocess.Popen[str]], None]:
    """Waits until a process writes a line with a given start to standard error."""

    def wait(line: str | tuple[str, ...], process: subprocess.Popen[str]) -> None:
        assert process.stderr
        for text in process.stderr:
            if text.startswith(line):
                return
        raise AssertionError(f"the process ended with {process.wait()}")

    return wait


@pytest.fixture(scope="session")
def wait_for_checkpoint() -> Callable[[Path], None]:
    """Waits until a training into a run folder has finished an epoch."""

    def wait(run: Path) -> None:
        end = time.monotonic() + 240
        while not (run.parent / f"{run.name}.partial" / "checkpoint.npz").exists():
            assert time.monotonic() < end, "no checkpoint"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def few_cells(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 photos of each kind of cell, in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp("data") / "few cells"
    for label in ("mono", "poly"):
        (folder / label).mkdir(parents=True)
        for file in sorted((cells / label).iterdir())[:30]:
            shutil.copy(file, folder / label)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for --cache that the tests of a module share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs of a given size; skips the test if that is not allowed."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def pixel_cache(tmp_path_factory: pytest.TempPathFactory) -> PixelCache:
    return PixelCache(tmp_path_factory.mktemp("cache"), Preprocessing(32, 32))


@pytest.fixture(scope="module")
def photos(cells: Path) -> list[Path]:
    """120 photos, all different."""
    return sorted(cells.rglob("*.png"))


@pytest.fixture
def fill(photos: list[Path]):
    """Copies a number of photos into a folder, each photo only once."""
    unused = list(photos)

    def copy(folder: Path, count: int) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(unused.pop(), folder)) for _ in range(count)]

    return copy


@pytest.fixture(scope="session")
def clip(cells: Path) -> Callable[[int, int], list[bytes]]:
    """Makes PNG frames of a camera that moves over a cell by one pixel a frame."""

    def make(cell: int, frames: int) -> list[bytes]:
        contents = []
        with Image.open(sorted(cells.rglob("*.png"))[cell]) as image:
            for frame in range(frames):
                buffer = io.BytesIO()
                image.crop((frame, 0, frame + 200, 200)).save(buffer, "PNG")
                contents.append(buffer.getvalue())
        return contents

    return make
