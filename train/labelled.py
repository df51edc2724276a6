"""Pictures whose class is known, to judge a trained model with: a run's own test split, or another folder with the same classes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.class_folders import class_folders
from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.opening import read_picture
from runtime.preprocess import Preprocessing, decode, resize
from runtime.progress import Progress
from runtime.run_folder import Picture, read_unchanged
from runtime.sources.files import walk
from runtime.threads import allowed_cores

BATCH = 64

Read = tuple[Picture, NDArray[np.uint8] | None]
"""A picture with its hash and its (height, width, 3) uint8 RGB pixels; a refused one has none."""


def find_pictures(folder: Path, labels: Sequence[str]) -> list[Picture]:
    """Every file below `folder`, which has a folder for each of some of the classes; not yet read, so without a hash.

    Raises:
        InputRefused: no such folder, a class the model does not know, or no class folder with a file.
    """
    classes = class_folders(folder, labels)
    found = [Picture("test", label, str(path.relative_to(folder))) for label, inner in classes for path in walk(inner)]
    if not found:
        raise InputRefused(str(folder), "holds no files in its class folders")
    inside = {picture.path for picture in found}
    others = (str(path.relative_to(folder)) for path in walk(folder))
    return found + [Picture("refused", "", path, reason="not in a class folder") for path in others if path not in inside]


def read_batches(folder: Path, pictures: Sequence[Picture], preprocessing: Preprocessing) -> Iterator[list[Read]]:
    """Reads and decodes pictures below `folder`, in parallel, a batch at a time.

    Raises:
        InputRefused: one that has a hash already, from the training, is gone or has changed.
    """
    with ThreadPoolExecutor(allowed_cores()) as pool, Progress("judge", len(pictures)) as bar:
        for start in range(0, len(pictures), BATCH):
            read = list(pool.map(lambda picture: _read(folder, picture, preprocessing), pictures[start : start + BATCH]))
            yield read
            bar.advance(len(read))


def _read(folder: Path, picture: Picture, preprocessing: Preprocessing) -> Read:
    if picture.split == "refused":
        return picture, None
    path = folder / picture.path
    try:
        content = read_unchanged(folder, picture) if picture.sha256 else read_picture(path)
        pixels = resize(decode(content, preprocessing, str(path)), preprocessing)
        return Picture("test", picture.label, picture.path, digest(content)), pixels
    except PictureRefused as refusal:
        return Picture("refused", picture.label, picture.path, reason=refusal.reason), None
