"""Tests the detection of images that change or vanish during a training."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from train.data.dataset import Dataset, build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.preparation import require_unchanged
from train.data.split import SplitFractions


@pytest.fixture
def data(cells: Path, tmp_path: Path) -> Dataset:
    copy = Path(shutil.copytree(cells, tmp_path / "data"))
    (copy / "mono" / "bad.png").write_text("x")
    for path in copy.rglob("*.png"):
        os.utime(path, (0, 0))
    return build_dataset(
        scan_image_folder(copy),
        PixelCache(tmp_path / "cache", Preprocessing(32, 32)),
        SplitFractions(),
        7,
    )


def _used(data: Dataset) -> Path:
    return data.root / next(image.path for image in data.images if image.split == "train")


def _refused(data: Dataset) -> Path:
    return data.root / data.split("refused")[0].path


def test_images_as_they_were_pass_whatever_their_times(data: Dataset) -> None:
    require_unchanged(data, time.time() - 3600)
    _used(data).touch()
    require_unchanged(data, time.time() - 3600)
    _refused(data).unlink()
    require_unchanged(data, time.time() - 3600)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (lambda path: path.unlink(), "vanished"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "changed"),
        (lambda path: path.write_bytes(b""), "changed"),
    ],
    ids=["removed", "cut", "emptied"],
)
def test_image_that_is_not_what_it_was_is_named(
    data: Dataset, fault: Callable[[Path], None], what: str
) -> None:
    begun = time.time()
    fault(_used(data))
    with pytest.raises(InputRefused, match=f"{what} since the training began") as caught:
        require_unchanged(data, begun)
    assert caught.value.thing == str(_used(data))


def test_other_content_with_an_old_modification_time_is_noticed(data: Dataset) -> None:
    begun = time.time()
    _used(data).write_bytes(b"other")
    os.utime(_used(data), (0, 0))
    with pytest.raises(InputRefused, match="changed"):
        require_unchanged(data, begun)
