"""The preview shows real training images, and variants that the augmentation makes of them."""

import base64
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

from runtime.images.preprocessing import Preprocessing
from train.configuration.options import TrainOptions
from train.data.dataset import Dataset, build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from train.report.augmentation_preview import MAX_ROWS, VARIANTS, augmentation_preview


def decoded_url(url: str) -> np.ndarray:
    return np.asarray(
        Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))), int
    )


@pytest.fixture(scope="module")
def scanned(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, PixelCache]:
    cache = PixelCache(tmp_path_factory.mktemp("cache"), Preprocessing(64, 64))
    return build_dataset(scan_image_folder(cells), cache, SplitFractions(), 7), cache


def test_views_are_changed_and_the_image_is_not(scanned: tuple[Dataset, PixelCache]) -> None:
    data, cache = scanned
    preview = augmentation_preview(data, cache, TrainOptions(), ("flip", "geometry", "colour"))
    assert [row.label for row in preview] == ["mono", "poly"]
    for row in preview:
        first = next(image for image in data.split("train") if image.label == row.label)
        original = cache.read([first.sha256])[0].astype(int)
        assert np.abs(decoded_url(row.image) - original).mean() < 4
        assert len(row.variants) == VARIANTS
        assert all(np.abs(decoded_url(variant) - original).mean() > 4 for variant in row.variants)
        assert len(set(row.variants)) == VARIANTS


def test_without_augmentation_every_view_is_the_image(scanned: tuple[Dataset, PixelCache]) -> None:
    for row in augmentation_preview(*scanned, TrainOptions(), ()):
        assert set(row.variants) == {row.image}


def test_of_many_classes_some_are_shown(scanned: tuple[Dataset, PixelCache]) -> None:
    data, cache = scanned
    labels = tuple(f"{number:03}" for number in range(50))
    images = tuple(
        replace(data.split("train")[number], label=label) for number, label in enumerate(labels)
    )
    preview = augmentation_preview(
        replace(data, labels=labels, images=images), cache, TrainOptions(), ()
    )
    assert [row.label for row in preview] == sorted({row.label for row in preview})
    assert (len(preview), preview[0].label, preview[-1].label) == (MAX_ROWS, "000", "049")
