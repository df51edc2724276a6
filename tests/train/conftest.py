"""What tests of training share: small disks that can be full, a picture cache, and photos to fill folders with."""

import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from runtime.preprocess import Preprocessing
from train.cache import PixelCache


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs of a given size; the test is skipped where that is not allowed."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False)
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
    """Puts so many photos that no earlier call took into a folder."""
    left = list(photos)

    def copy(folder: Path, count: int) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(left.pop(), folder)) for _ in range(count)]

    return copy


@pytest.fixture(scope="session")
def clip(cells: Path) -> Callable[[int, int], list[bytes]]:
    """So many frames of a camera that moves by one pixel a frame over the cell of that number, as PNG."""

    def make(cell: int, frames: int) -> list[bytes]:
        contents = []
        with Image.open(sorted(cells.rglob("*.png"))[cell]) as image:
            for frame in range(frames):
                buffer = io.BytesIO()
                image.crop((frame, 0, frame + 200, 200)).save(buffer, "PNG")
                contents.append(buffer.getvalue())
        return contents

    return make
