"""How images and steps are shared among workers."""

import pytest

from runtime.errors import InputRefused
from train.distribution.strategy import ALONE, WorkerShard


@pytest.mark.parametrize(
    ("images", "count", "devices"),
    [(10, 2, 1), (11, 2, 1), (11, 3, 1), (11, 2, 4), (1, 2, 1), (7, 1, 2)],
)
def test_every_image_has_a_worker_and_all_workers_have_equally_many(
    images: int, count: int, devices: int
) -> None:
    parts = [WorkerShard(index, count, devices).part(list(range(images))) for index in range(count)]
    assert {image for part in parts for image in part} == set(range(images))
    (length,) = {len(part) for part in parts}
    assert length % devices == 0
    assert length < images / count + devices + 1, "hardly one twice"


def test_images_and_targets_stay_together() -> None:
    shard = WorkerShard(1, 2, 2)
    assert [
        image % 10 for image in shard.part([10 * digit + digit for digit in range(7)])
    ] == shard.part(list(range(7)))


def test_one_worker_has_them_all_in_their_order() -> None:
    assert ALONE.shard.part(list("abc")) == list("abc")
    assert ALONE.shard.batch(33) == 33
    assert ALONE.made_by == {}, "so that a run of an older version, without workers, is reused"


def test_batch_is_shared_evenly_or_refused() -> None:
    assert WorkerShard(0, 2, 4).batch(32) == 16
    with pytest.raises(
        InputRefused, match="a multiple of the 3 devices that share a step, found 32; use 33"
    ):
        WorkerShard(0, 3).batch(32)
    with pytest.raises(InputRefused, match="use 8"):
        WorkerShard(0, 2, 4).batch(1)
