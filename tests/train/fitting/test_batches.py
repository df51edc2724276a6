"""The batches of one epoch, and the random layers of an epoch."""

import numpy as np
import pytest

from train.fitting import batches as batches_module
from train.fitting.batches import Batches

COUNT = 10


def _batches(batch: int, seed: int = 7, epoch: int = 0) -> Batches:
    """Returns batches whose features, targets and weights show the number of their image."""
    features = np.arange(COUNT, dtype=np.float16)[:, None]
    return Batches(
        features,
        np.eye(COUNT, dtype=np.float32),
        np.arange(COUNT, dtype=np.float32),
        batch,
        (seed, epoch),
    )


def _order(batches: Batches) -> list[set[float]]:
    return [set(batches[index][0][:, 0]) for index in range(len(batches))]


@pytest.mark.parametrize("in_memory", [0, 2**30])
def test_every_image_comes_once_with_its_own_target_and_weight(
    monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(batches_module, "MAX_BYTES_IN_MEMORY", in_memory)
    batches = _batches(4)
    x, y, weights = (
        np.concatenate(parts)
        for parts in zip(*(batches[index] for index in range(len(batches))), strict=True)
    )
    assert sorted(x[:, 0]) == list(range(COUNT))
    assert np.array_equal(y.argmax(1), x[:, 0])
    assert np.array_equal(weights, x[:, 0])
    assert x.dtype == np.float32


def test_order_depends_on_epoch_and_seed_alone() -> None:
    assert _order(_batches(4)) == _order(_batches(4))
    assert _order(_batches(4)) != _order(_batches(4, epoch=1))
    assert _order(_batches(4)) != _order(_batches(4, seed=8))


@pytest.mark.parametrize(
    ("batch", "lengths"), [(4, [4, 4, 2]), (5, [5, 5]), (64, [10]), (1, [1] * 10)]
)
def test_last_batch_holds_the_rest(batch: int, lengths: list[int]) -> None:
    batches = _batches(batch)
    assert [len(batches[index][0]) for index in range(len(batches))] == lengths


def test_full_batches_are_filled_with_images_of_the_epoch() -> None:
    features = np.arange(COUNT, dtype=np.float16)[:, None]
    batches = Batches(
        features, np.eye(COUNT, dtype=np.float32), np.ones(COUNT, np.float32), 4, (7, 0), full=True
    )
    x = np.concatenate([batches[index][0] for index in range(len(batches))])[:, 0]
    assert len(x) == 12
    assert set(x) == set(range(COUNT))
