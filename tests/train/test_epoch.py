"""Tests of train.epoch."""

import pytest

from train.epoch import Epoch, kept


def history(*accuracies: float) -> list[Epoch]:
    return [Epoch("head", number, 0.1, 1.0, 0.1, accuracy, 1.0) for number, accuracy in enumerate(accuracies, start=1)]


@pytest.mark.parametrize(
    ("pictures", "epoch"),
    [(100, 4), (377, 4), (2000, 2)],
    ids=["few pictures", "as in fruits360-16", "so many that it is no chance"],
)
def test_a_later_epoch_is_kept_if_it_is_worse_by_chance_only(pictures: int, epoch: int) -> None:
    assert kept(history(0.90, 0.984, 0.97, 0.976), pictures).epoch == epoch


def test_an_epoch_that_is_clearly_worse_is_not_kept() -> None:
    assert kept(history(0.5, 0.9, 0.6, 0.55), 200).epoch == 2


@pytest.mark.parametrize(("accuracy", "epoch"), [(0.9, 2), (1.0, 2), (0.5, 1)])
def test_all_right_still_leaves_some_chance(accuracy: float, epoch: int) -> None:
    assert kept(history(1.0, accuracy), 20).epoch == epoch
