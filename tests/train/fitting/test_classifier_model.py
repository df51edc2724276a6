"""The augmentation: which changes it makes, and that pixels stay in range."""

import numpy as np
import pytest

from train.configuration.options import Flip
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.fitting.classifier_model import build_augmentation


@pytest.mark.parametrize("flip", ["none", "horizontal", "both"])
def test_flips_are_those_of_the_option(flip: Flip) -> None:
    image = np.arange(4 * 4 * 3, dtype=np.float32).reshape(1, 4, 4, 3)
    augment = build_augmentation(flip, 0, 7)
    seen = {np.asarray(augment(image, training=True)).tobytes() for _ in range(60)}
    mirrored = {"none": [image], "horizontal": [image, image[:, :, ::-1]]}
    mirrored["both"] = [*mirrored["horizontal"], image[:, ::-1], image[:, ::-1, ::-1]]
    assert seen == {np.ascontiguousarray(array).tobytes() for array in mirrored[flip]}


def test_augmented_pixels_stay_in_range(data: Dataset, pixels: PixelCache) -> None:
    sha256s = [image.sha256 for image in data.split("train")]
    images = pixels.read(sha256s).astype(np.float32)
    augmented = np.asarray(build_augmentation("both", 3.0, 7)(images, training=True))
    assert augmented.shape == images.shape
    assert augmented.min() >= 0
    assert augmented.max() <= 255
