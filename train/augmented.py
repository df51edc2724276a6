"""A sheet of what the network really sees: training pictures, and views of them as the augmentation makes them."""

from dataclasses import dataclass

import numpy as np

from runtime.page import picture_url
from train.cache import PixelCache
from train.data import DataSet
from train.model import build_augmentation
from train.options import TrainOptions

ROWS, VIEWS, SIDE = 8, 7, 96


@dataclass(frozen=True)
class Augmented:
    """A picture as it is, and views of it, as data: URLs."""

    label: str
    picture: str
    views: tuple[str, ...]


def augmented_sheet(data: DataSet, cache: PixelCache, options: TrainOptions) -> list[Augmented]:
    """A training picture of each of at most eight classes, taken evenly from all, with views drawn anew from the run's seed."""
    first = {picture.label: picture for picture in reversed(data.split("train"))}
    chosen = [first[data.labels[at]] for at in np.unique(np.linspace(0, len(data.labels) - 1, ROWS, dtype=int))]
    pixels = cache.read([picture.sha256 for picture in chosen])
    augment = build_augmentation(options.flip, options.augment, options.seed)
    views = [np.asarray(augment(pixels.astype(np.float32), training=True)) for _ in range(VIEWS)]
    seen = [np.clip(np.rint(view), 0, 255).astype(np.uint8) for view in views]
    return [
        Augmented(picture.label, picture_url(pixels[at], SIDE), tuple(picture_url(view[at], SIDE) for view in seen))
        for at, picture in enumerate(chosen)
    ]
