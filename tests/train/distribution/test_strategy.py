"""How images and steps are shared among workers."""

from contextlib import suppress

import numpy as np
import pytest

from runtime.errors import InputRefused
from train.distribution.strategy import ALONE, DistributionStrategy, WorkerShard


@pytest.mark.parametrize(("images", "count"), [(10, 2), (11, 2), (11, 3), (3, 3)])
def test_every_image_has_one_worker_and_rows_are_gathered_in_their_order(
    images: int, count: int
) -> None:
    parts = [WorkerShard(index, count).part(list(range(images))) for index in range(count)]
    assert sorted(image for part in parts for image in part) == list(range(images))
    sent: list[bytes] = []

    def gather(message: bytes) -> list[bytes]:
        sent.append(message)
        return sent

    gathered = np.array([])
    for index, part in enumerate(parts):
        strategy = DistributionStrategy(WorkerShard(index, count), gather=gather)
        if index < count - 1:
            with suppress(ValueError, IndexError):  # not all have sent yet
                strategy.gather_rows(np.array(part, np.float16)[:, np.newaxis])
        else:
            gathered = strategy.gather_rows(np.array(part, np.float16)[:, np.newaxis])
    assert gathered[:, 0].tolist() == list(range(images))


def test_devices_of_a_worker_have_equally_many_images() -> None:
    part = WorkerShard(devices=4).part(list(range(11)))
    assert len(part) == 12
    assert set(part) == set(range(11))


def test_mean_weighs_the_numbers_of_each_worker() -> None:
    def gather(message: bytes) -> list[bytes]:
        return [b"[3, 1.0, NaN]", message]

    strategy = DistributionStrategy(WorkerShard(1, 2), gather=gather)
    loss, broken = strategy.mean(5.0, 1.0, weight=1)
    assert loss == 2.0
    assert np.isnan(broken), "so that all workers stop"
    assert ALONE.mean(5.0, 1.0) == [5.0, 1.0]


def test_images_and_targets_stay_together() -> None:
    shard = WorkerShard(1, 2)
    assert [
        image % 10 for image in shard.part([10 * digit + digit for digit in range(7)])
    ] == shard.part(list(range(7)))


def test_one_worker_has_them_all_in_their_order() -> None:
    assert ALONE.shard.part(list("abc")) == list("abc")
    ALONE.shard.require_even(33)
    assert ALONE.made_by == {}, "so that a run of an older version, without workers, is reused"


def test_batch_is_shared_evenly_or_refused() -> None:
    WorkerShard(0, 2).require_even(32)
    with pytest.raises(
        InputRefused, match="a multiple of the 3 devices that share a step, found 32; use 33"
    ):
        WorkerShard(0, 3).require_even(32)
    with pytest.raises(InputRefused, match="use 8"):
        WorkerShard(devices=8).require_even(1)
