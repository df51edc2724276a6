"""Makes the training batches of one epoch, and sets the random layers for it."""

import keras
import numpy as np
from numpy.typing import NDArray

from train.distribution.strategy import ALONE, WorkerShard

MAX_BYTES_IN_MEMORY = 2 * 2**30
"""A variant up to this size is read into memory before its epoch.

Read image by image, a disk is many times slower.
"""
DRAWS_PER_POSITION = 2**20
"""The distance between the random sequences of two positions; no batch or epoch draws more."""


class Batches(keras.utils.PyDataset):
    """Yields this worker's part of each batch of an epoch, in random order.

    `features` are (n, ...) of one variant, `targets` (n, classes), `weights` (n,); n is the number
    of images in the worker's shard, of `total` of all workers, and `batch` that in a step of all.
    Which images form a batch depends only on `seed`, which includes the number of the epoch: not on
    what ran before it, nor on the number of workers. The mean over the workers of the mean loss of
    their parts is that of the batch.
    """

    def __init__(
        self,
        features: NDArray[np.float16],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32],
        batch: int,
        seed: tuple[int, ...],
        shard: WorkerShard = ALONE.shard,
        total: int | None = None,
    ) -> None:
        super().__init__()
        in_memory = features.nbytes <= MAX_BYTES_IN_MEMORY
        self._features = np.array(features) if in_memory else features
        self._targets, self._weights, self._batch = targets, weights, batch
        self._count, self._total = shard.count, total or len(targets)
        order = draw_order(self._total, batch, seed)
        self._order = order[shard.index :: shard.count] // shard.count

    def __len__(self) -> int:
        return -(-self._total // self._batch)

    def __getitem__(
        self, index: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        own = self._batch // self._count
        rows = np.sort(self._order[index * own : (index + 1) * own])
        of_all = min(self._batch, self._total - index * self._batch)
        weights = self._weights[rows] * np.float32(len(rows) * self._count / of_all)
        if not len(rows):  # in the last batch, if it has fewer images than there are workers
            rows, weights = self._order[:1], np.zeros(1, np.float32)
        return self._features[rows].astype(np.float32), self._targets[rows], weights


def draw_order(images: int, batch: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """Returns the indices of images in the random order of an epoch.

    Position p holds an index that is p modulo `batch`. So each worker, which has every n-th image,
    has equally many in each batch.
    """
    generator = np.random.default_rng(seed)
    order = np.arange(images)
    for place in range(min(batch, images)):
        order[place::batch] = generator.permutation(order[place::batch])
    return order


def reseed(model: keras.Model, position: int) -> None:
    """Moves every random layer of `model` (dropout, augmentation) to a position of its sequence.

    A resumed training thus draws the same numbers as an uninterrupted one.
    """
    weights = {id(weight) for weight in model.weights}
    for state in model.variables:
        if id(state) in weights:
            continue
        seed, _ = keras.ops.convert_to_numpy(state)
        state.assign([seed, position * DRAWS_PER_POSITION])
