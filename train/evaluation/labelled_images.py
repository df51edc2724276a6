"""Reads labelled images to evaluate a trained model on: a run's test split, or another folder."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import read_image
from runtime.images.preprocessing import Preprocessing, resize
from runtime.shared.class_folders import class_folders
from runtime.shared.progress import Progress
from runtime.sources.paths import walk
from runtime.system.cgroups import allowed_cores
from runtime.system.hashing import sha256_of
from workstation.run_folder import ImageRecord, read_unchanged

BATCH_SIZE = 64

LabelledBatch = tuple[ImageRecord, NDArray[np.uint8] | None]
"""A record with its hash, and (height, width, 3) uint8 RGB pixels; a refused image has none."""


def list_labelled_images(folder: Path, labels: Sequence[str]) -> list[ImageRecord]:
    """Lists every file below `folder`, which has class folders for some or all of `labels`.

    The files are not read, so the records have no hash.

    Raises:
        InputRefused: there is no such folder, the model does not know a class, or no class folder
            has a file.
    """
    folders = class_folders(folder, labels)
    records = [
        ImageRecord("test", label, str(path.relative_to(folder)))
        for label, class_folder in folders
        for path in walk(class_folder)
    ]
    if not records:
        raise InputRefused(str(folder), "holds no files in its class folders")
    records += [
        ImageRecord("refused", "", str(path.relative_to(folder)), reason="not in a class folder")
        for path in walk(folder, skip={class_folder for _, class_folder in folders})
    ]
    return records


def read_batches(
    folder: Path, images: Sequence[ImageRecord], preprocessing: Preprocessing
) -> Iterator[list[LabelledBatch]]:
    """Yields the images below `folder` in batches, read and decoded in parallel.

    Raises:
        InputRefused: an image that has a hash from the training is gone or has changed.
    """
    with ThreadPoolExecutor(allowed_cores()) as pool, Progress("evaluate", len(images)) as bar:
        for start in range(0, len(images), BATCH_SIZE):
            records = images[start : start + BATCH_SIZE]
            batch = list(pool.map(lambda image: _read(folder, image, preprocessing), records))
            yield batch
            bar.advance(len(batch))


def _read(folder: Path, image: ImageRecord, preprocessing: Preprocessing) -> LabelledBatch:
    if image.split == "refused":
        return image, None
    path = folder / image.path
    try:
        content = read_unchanged(folder, image) if image.sha256 else read_image(path)
        pixels = resize(preprocessing.decode(content, str(path)), preprocessing)
        return replace(image, split="test", sha256=sha256_of(content)), pixels
    except ImageRefused as refusal:
        return ImageRecord("refused", image.label, image.path, reason=refusal.reason), None
