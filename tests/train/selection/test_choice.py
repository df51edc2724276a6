"""The choice among candidates whose answers and figures are known."""

import numpy as np

from train.selection.candidates import NetworkCandidate
from train.selection.choice import ChoiceLimits, Measured, choose, nearest, table_rows
from train.selection.timing import Timing

IMAGES = 200
ALONE = [""] * IMAGES


def _measured(size: int, wrong: int, ms: float, mb: float = 4.0) -> Measured:
    right = np.arange(IMAGES) >= wrong
    return Measured(NetworkCandidate("net", None, size), right, Timing(ms, int(mb * 1e6)))


def test_faster_one_is_chosen_only_if_it_is_as_accurate() -> None:
    best, equal, close = _measured(224, 10, 30), _measured(160, 10, 20), _measured(96, 11, 5)
    assert choose([close, best, equal], ChoiceLimits(None, None)) is equal


def test_limits_leave_out_the_slow_and_the_large() -> None:
    slow, large, small = _measured(224, 0, 30), _measured(160, 0, 5, 9.0), _measured(96, 60, 5)
    assert choose([slow, large, small], ChoiceLimits(20, 5)) is small
    assert choose([slow, large, small], ChoiceLimits(20, None)) is large
    assert choose([slow, large, small], ChoiceLimits(1, 1)) is None
    assert nearest([slow, large, small], ChoiceLimits(4, 3)) is small


def test_front_has_no_candidate_that_another_beats_in_everything() -> None:
    measured = [_measured(224, 0, 30), _measured(160, 20, 31), _measured(96, 60, 5)]
    rows = table_rows(measured, ChoiceLimits(20, None), ALONE, measured[2])
    assert [(row.input_size, row.front, row.fits, row.chosen) for row in rows] == [
        (96, True, True, True),
        (224, True, False, False),
        (160, False, False, False),
    ]
