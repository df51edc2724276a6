"""What the frozen part of a model makes of each picture, computed once and kept on disk while the rest is trained."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.progress import Progress

BATCH = 64
MAX_BYTES_IN_MEMORY = 2 * 2**30
"""A view up to this size is read at once when its epoch begins: picture by picture, a disk is many times slower."""

Batches = Callable[[int, int], NDArray[Any]]
"""(start, stop) -> the inputs of those pictures, (stop - start, ...)."""


def compute(path: Path, count: int, views: Sequence[Batches], model: Callable[[Any], Any], label: str) -> NDArray[np.float16]:
    """(views, count, ...) float16: `model` on every picture of every view, in a memory-mapped file at `path`.

    float16 halves the disk; its rounding (1 part in 2048) is far below what augmentation changes.
    """
    features: NDArray[np.float16] | None = None
    with Progress(label, len(views) * count) as bar:
        for view, batches in enumerate(views):
            for start in range(0, count, BATCH):
                stop = min(start + BATCH, count)
                out = np.asarray(model(batches(start, stop)))
                if features is None:
                    features = np.lib.format.open_memmap(path, "w+", np.float16, (len(views), count, *out.shape[1:]))
                    _reserve(path)
                features[view, start:stop] = np.clip(out, -65504, 65504)
                bar.advance(stop - start)
    if features is None:
        raise ValueError("no pictures to compute features of")
    return features


def _reserve(path: Path) -> None:
    """Takes the disk space of a file of holes now: later, on a full disk, writing to its memory map would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


class FeatureBatches(keras.utils.PyDataset):
    """Shuffled training batches; epoch after epoch goes through the views in turn."""

    def __init__(self, features: NDArray[np.float16], targets: NDArray[np.float32], batch: int, seed: int) -> None:
        super().__init__()
        self._features, self._targets, self._batch = features, targets, batch
        self._generator = np.random.default_rng(seed)
        self._view = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._targets) // self._batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = np.sort(self._order[index * self._batch : (index + 1) * self._batch])
        return self._pictures[chosen].astype(np.float32), self._targets[chosen]

    def on_epoch_end(self) -> None:
        """Takes the next view and a new order."""
        self._view = (self._view + 1) % len(self._features)
        view = self._features[self._view]
        self._pictures = np.array(view) if view.nbytes <= MAX_BYTES_IN_MEMORY else view
        self._order = self._generator.permutation(len(self._targets))
