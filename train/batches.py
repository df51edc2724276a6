"""The training batches of one epoch."""

import keras
import numpy as np
from numpy.typing import NDArray

MAX_BYTES_IN_MEMORY = 2 * 2**30
"""A view up to this size is read at once when its epoch begins: picture by picture, a disk is many times slower."""


class Batches(keras.utils.PyDataset):
    """One epoch over the (n, ...) features of one view, with their (n, classes) targets and (n,) weights, in an order of its own.

    The order depends on `seed` alone, in which the epoch counts, so that an epoch is the same whatever ran before it. `full`: the last
    batch is filled with the epoch's first pictures.
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
        self._pictures = np.array(features) if features.nbytes <= MAX_BYTES_IN_MEMORY else features
        self._targets, self._weights, self._batch = targets, weights, batch
        order = np.random.default_rng(seed).permutation(len(targets))
        self._order = np.resize(order, len(self) * batch) if full else order

    def __len__(self) -> int:
        return -(-len(self._targets) // self._batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        chosen = np.sort(self._order[index * self._batch : (index + 1) * self._batch])
        return self._pictures[chosen].astype(np.float32), self._targets[chosen], self._weights[chosen]
