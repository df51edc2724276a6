"""Makes the training batches of one epoch, and sets the random layers for it."""

import keras
import numpy as np
from numpy.typing import NDArray

MAX_BYTES_IN_MEMORY = 2 * 2**30
"""A view up to this size is read into memory before its epoch.

Read image by image, a disk is many times slower.
"""
DRAWS_PER_POSITION = 2**20
"""The distance between the random sequences of two positions; no batch or epoch draws more."""
JAX_STRIDE = 2_654_435_761
"""Spreads positions over the 32 bits in which JAX counts draws (Knuth, volume 3, section 6.4)."""


class Batches(keras.utils.PyDataset):
    """Yields the batches of one epoch over the (n, ...) features of one view, in random order.

    `targets` are (n, classes), `weights` are (n,). The order depends only on `seed`, which includes
    the number of the epoch, so an epoch is the same whatever ran before it. With `full`, the first
    images of the epoch fill up the last batch.
    """

    def __init__(
        self,
        features: NDArray[np.float16],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32],
        batch: int,
        seed: tuple[int, ...],
        *,
        full: bool = False,
    ) -> None:
        super().__init__()
        in_memory = features.nbytes <= MAX_BYTES_IN_MEMORY
        self._features = np.array(features) if in_memory else features
        self._targets, self._weights, self._batch = targets, weights, batch
        order = np.random.default_rng(seed).permutation(len(targets))
        self._order = np.resize(order, len(self) * batch) if full else order

    def __len__(self) -> int:
        return -(-len(self._targets) // self._batch)

    def __getitem__(
        self, index: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        rows = np.sort(self._order[index * self._batch : (index + 1) * self._batch])
        return self._features[rows].astype(np.float32), self._targets[rows], self._weights[rows]


def reseed(model: keras.Model, position: int) -> None:
    """Moves every random layer of `model` (dropout, augmentation) to a position of its sequence.

    A resumed training thus draws the same numbers as an uninterrupted one.
    """
    weights = {id(weight) for weight in model.weights}
    for state in model.variables:
        if id(state) in weights:
            continue
        seed, _ = keras.ops.convert_to_numpy(state)
        if state.dtype == "int64":
            counter = position * DRAWS_PER_POSITION
        else:
            counter = position * JAX_STRIDE % 2**32
        state.assign([seed, counter])
