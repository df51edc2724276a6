"""The batches of one epoch, and the random layers of an epoch."""

import numpy as np
import pytest

from train.distribution.strategy import WorkerShard
from train.fitting import batches as batches_module
from train.fitting.batches import Batches, draw_order

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


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("images", [12, 13, 14, 29])
def test_workers_share_the_batches_of_one_process(workers: int, images: int) -> None:
    """The weighted sum of a worker is its mean loss; their mean is the mean loss of the batch."""
    numbers = np.arange(images, dtype=np.float16)[:, None]
    weights = np.linspace(1, 2, images, dtype=np.float32)
    whole = Batches(numbers, numbers, weights, 6, (7, 0))
    parts = []
    for index in range(workers):
        own = slice(index, None, workers)
        shard = WorkerShard(index, workers)
        parts.append(
            Batches(numbers[own], numbers[own], weights[own], 6, (7, 0), shard, total=images)
        )
    assert {len(part) for part in parts} == {len(whole)}
    for step in range(len(whole)):
        x, _, step_weights = whole[step]
        loaded = [part[step] for part in parts]
        counted = [rows[:, 0][shares > 0] for rows, _, shares in loaded]
        assert sorted(np.concatenate(counted)) == sorted(x[:, 0])
        assert max(map(len, counted)) - min(map(len, counted)) <= 1
        losses = [(shares * rows[:, 0]).mean() for rows, _, shares in loaded]
        assert np.mean(losses) == pytest.approx((step_weights * x[:, 0]).mean(), rel=1e-5)


def test_every_image_may_come_first() -> None:
    firsts = {draw_order(12, 4, (7, epoch))[place] for epoch in range(50) for place in range(4)}
    assert firsts == set(range(12))
