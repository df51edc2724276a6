"""How pictures and steps are shared among workers."""

import pytest

from runtime.errors import InputRefused
from train.engine import ALONE, Share


@pytest.mark.parametrize(("pictures", "count", "devices"), [(10, 2, 1), (11, 2, 1), (11, 3, 1), (11, 2, 4), (1, 2, 1), (7, 1, 2)])
def test_every_picture_is_some_workers_and_all_have_as_many(pictures: int, count: int, devices: int) -> None:
    parts = [Share(index, count, devices).part(list(range(pictures))) for index in range(count)]
    assert {picture for part in parts for picture in part} == set(range(pictures))
    (length,) = {len(part) for part in parts}
    assert length % devices == 0
    assert length < pictures / count + devices + 1, "hardly one twice"


def test_pictures_and_targets_stay_together() -> None:
    share = Share(1, 2, 2)
    assert [picture % 10 for picture in share.part([10 * digit + digit for digit in range(7)])] == share.part(list(range(7)))


def test_one_worker_has_them_all_in_their_order() -> None:
    assert ALONE.share.part(list("abc")) == list("abc")
    assert ALONE.share.batch(33) == 33
    assert ALONE.made_by == {}, "so that a run is known again that was made before there were workers"


def test_step_is_shared_evenly_or_refused() -> None:
    assert Share(0, 2, 4).batch(32) == 16
    with pytest.raises(InputRefused, match="a multiple of the 3 devices that share a step, found 32; take 33"):
        Share(0, 3).batch(32)
    with pytest.raises(InputRefused, match="take 8"):
        Share(0, 2, 4).batch(1)
