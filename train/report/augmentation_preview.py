"""Shows what the network sees: training images and augmented variants of them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from runtime.shared.html_page import image_data_url
from train.configuration.options import TrainOptions
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.fitting.augmentation import Family, build_augmentation

MAX_ROWS, VARIANTS, SIDE_PX = 8, 7, 96


@dataclass(frozen=True)
class AugmentationPreview:
    """Holds an image and its variants, as data: URLs."""

    label: str
    image: str
    variants: tuple[str, ...]


def augmentation_preview(
    data: Dataset, pixels: PixelCache, options: TrainOptions, families: Collection[Family]
) -> list[AugmentationPreview]:
    """Returns one training image, with variants, of each of at most eight evenly spaced classes.

    The variants are drawn from the seed of the run, but they are not those of the training.
    """
    first = {image.label: image for image in reversed(data.split("train"))}
    indices = np.unique(np.linspace(0, len(data.labels) - 1, MAX_ROWS, dtype=int))
    images = [first[data.labels[index]] for index in indices]
    originals = pixels.read([image.sha256 for image in images])
    augment = build_augmentation(options, options.seed, families)
    variants = []
    for _ in range(VARIANTS):
        variant = np.asarray(augment(originals.astype(np.float32), training=True))
        variants.append(np.clip(np.rint(variant), 0, 255).astype(np.uint8))
    return [
        AugmentationPreview(
            image.label,
            image_data_url(originals[row], SIDE_PX),
            tuple(image_data_url(variant[row], SIDE_PX) for variant in variants),
        )
        for row, image in enumerate(images)
    ]
