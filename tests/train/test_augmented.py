"""The sheet shows what the network sees: real training pictures, and views that the run's own augmentation makes of them."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.quiet import prepare_tensorflow

prepare_tensorflow()

from runtime.preprocess import Preprocessing
from train.augmented import ROWS, VIEWS, augmented_sheet
from train.cache import PixelCache
from train.data import DataSet, scan
from train.options import TrainOptions
from train.split import Fractions


def image(url: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))), int)


@pytest.fixture(scope="module")
def scanned(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[DataSet, PixelCache]:
    cache = PixelCache(tmp_path_factory.mktemp("cache"), Preprocessing(64, 64))
    return scan(cells, cache, Fractions(), 7), cache


def test_views_are_changed_and_the_picture_is_not(scanned: tuple[DataSet, PixelCache]) -> None:
    data, cache = scanned
    sheet = augmented_sheet(data, cache, TrainOptions())
    assert [row.label for row in sheet] == ["mono", "poly"]
    for row in sheet:
        first = next(picture for picture in data.split("train") if picture.label == row.label)
        original = cache.read([first.sha256])[0].astype(int)
        assert np.abs(image(row.picture) - original).mean() < 4
        assert len(row.views) == VIEWS
        assert all(np.abs(image(view) - original).mean() > 4 for view in row.views)
        assert len(set(row.views)) == VIEWS


def test_without_augmentation_every_view_is_the_picture(scanned: tuple[DataSet, PixelCache]) -> None:
    for row in augmented_sheet(*scanned, TrainOptions(flip="none", augment=0)):
        assert set(row.views) == {row.picture}


def test_of_many_classes_some_are_shown(scanned: tuple[DataSet, PixelCache]) -> None:
    from dataclasses import replace

    data, cache = scanned
    labels = tuple(f"{number:03}" for number in range(50))
    pictures = tuple(replace(data.split("train")[number], label=label) for number, label in enumerate(labels))
    sheet = augmented_sheet(replace(data, labels=labels, pictures=pictures), cache, TrainOptions())
    assert [row.label for row in sheet] == sorted({row.label for row in sheet})
    assert (len(sheet), sheet[0].label, sheet[-1].label) == (ROWS, "000", "049")
