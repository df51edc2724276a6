"""Features on disk, and the batches that go through them."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

from train.features import BATCH, FeatureBatches, compute

COUNT, VIEWS = 10, 3


@pytest.fixture
def features() -> np.ndarray:
    """(views, pictures, 2): each row is its own view and picture number."""
    return np.stack([[[view, picture] for picture in range(COUNT)] for view in range(VIEWS)]).astype(np.float16)


@pytest.fixture
def targets() -> np.ndarray:
    return np.eye(COUNT, dtype=np.float32)


def _epoch(batches: FeatureBatches) -> tuple[np.ndarray, np.ndarray]:
    parts = [batches[index] for index in range(len(batches))]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def test_every_picture_comes_once_an_epoch_with_its_own_target(features, targets) -> None:
    batches = FeatureBatches(features, targets, 4, seed=7)
    for _ in range(4):
        x, y = _epoch(batches)
        assert sorted(x[:, 1]) == list(range(COUNT))
        assert np.array_equal(y.argmax(1), x[:, 1])
        batches.on_epoch_end()


def test_views_are_used_in_turn(features, targets) -> None:
    batches = FeatureBatches(features, targets, 4, seed=7)
    seen = []
    for _ in range(2 * VIEWS + 1):
        views = set(_epoch(batches)[0][:, 0])
        assert len(views) == 1
        seen.append(views.pop())
        batches.on_epoch_end()
    assert seen == [0, 1, 2, 0, 1, 2, 0]


def test_order_changes_each_epoch_and_is_fixed_by_the_seed(features, targets) -> None:
    def orders(seed: int) -> list[list[set[float]]]:
        batches, found = FeatureBatches(features, targets, 4, seed), []
        for _ in range(3):
            found.append([set(batches[index][0][:, 1]) for index in range(len(batches))])
            batches.on_epoch_end()
        return found

    assert orders(7) == orders(7)
    assert orders(7) != orders(8)
    assert orders(7)[0] != orders(7)[1]


@pytest.mark.parametrize(("batch", "lengths"), [(4, [4, 4, 2]), (5, [5, 5]), (64, [10]), (1, [1] * 10)])
def test_last_batch_holds_the_rest(features, targets, batch: int, lengths: list[int]) -> None:
    batches = FeatureBatches(features, targets, batch, seed=7)
    assert [len(batches[index][0]) for index in range(len(batches))] == lengths
    assert batches[0][0].dtype == np.float32


class _Recorded(FeatureBatches):
    """Notes the view of every last batch, which only a whole epoch asks for."""

    def __init__(self, *arguments) -> None:
        self.whole_epochs: list[int] = []
        super().__init__(*arguments)

    def __getitem__(self, index: int):
        x, y = super().__getitem__(index)
        if index == len(self) - 1:
            self.whole_epochs.append(int(x[0, 0]))
        return x, y


def test_keras_goes_through_the_views_in_turn_as_well(features, targets) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(COUNT, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    batches = _Recorded(features, targets, 1, 7)
    model.fit(batches, epochs=6, verbose=0, shuffle=False)
    assert len(batches.whole_epochs) >= 6
    assert all(after == (before + 1) % VIEWS for before, after in itertools.pairwise(batches.whole_epochs))


def test_compute_puts_every_view_of_every_picture_in_its_place(tmp_path: Path) -> None:
    count = 2 * BATCH + 3
    views = [lambda start, stop, view=view: np.arange(start, stop)[:, None] + 1000 * view for view in range(2)]
    found = compute(tmp_path / "f.npy", count, views, lambda batch: np.concatenate([batch, -batch], 1), "test")
    assert found.shape == (2, count, 2)
    assert found.dtype == np.float16
    assert np.array_equal(found[0, :, 0], np.arange(count))
    assert np.array_equal(found[1, :, 1], -np.arange(1000, 1000 + count))
    assert np.array_equal(np.load(tmp_path / "f.npy"), found)


def test_numbers_too_large_for_float16_stay_finite(tmp_path: Path) -> None:
    found = compute(tmp_path / "f.npy", 2, [lambda *_: np.array([[1e9], [-1e9]])], lambda batch: batch, "test")
    assert found[0, :, 0].tolist() == [65504, -65504]
