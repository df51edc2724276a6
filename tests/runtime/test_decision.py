"""runtime.decision: averages, hysteresis and unknown, on sequences of scores."""

import numpy as np
import pytest

from runtime.decision import NOTHING, Decision, Rules, decide
from runtime.errors import InputRefused

LABELS = ("apple", "banana", "cherry")
APPLE, BANANA, CHERRY = (np.float32(row) for row in ([0.9, 0.1, 0], [0.2, 0.8, 0], [0.05, 0.05, 0.9]))
DIM = np.float32([0.4, 0.3, 0.3])


def after(frames: list[np.ndarray], rules: Rules, start: Decision = NOTHING) -> list[Decision]:
    decisions = [start]
    for scores in frames:
        decisions.append(decide(decisions[-1], scores, LABELS, rules))
    return decisions[1:]


def changes(frames: list[np.ndarray], rules: Rules) -> list[tuple[int, str | None]]:
    return [(at, one.standing.label) for at, one in enumerate(after(frames, rules)) if one.changed and one.standing]


def test_an_answer_stands_after_so_many_equal_ones_and_is_told_once() -> None:
    assert changes([APPLE] * 9, Rules(stable=3, window=1)) == [(2, "apple")]
    assert changes([APPLE] * 4, Rules(stable=1, window=1)) == [(0, "apple")]
    assert after([APPLE] * 2, Rules(stable=3, window=1))[-1].standing is None


def test_flicker_changes_nothing_and_a_real_change_is_told_when_it_lasted() -> None:
    frames = [APPLE] * 4 + [BANANA, BANANA, APPLE, BANANA, CHERRY, BANANA, APPLE] + [BANANA] * 3
    assert changes(frames, Rules(stable=3, window=1)) == [(2, "apple"), (13, "banana")]


def test_below_the_threshold_it_is_unknown_and_unknown_needs_as_many_frames() -> None:
    rules = Rules(min_score=0.6, stable=3, window=1)
    assert changes([APPLE] * 3 + [DIM] * 2 + [APPLE] * 3, rules) == [(2, "apple")]
    assert changes([APPLE] * 3 + [DIM] * 3 + [APPLE] * 3, rules) == [(2, "apple"), (5, None), (8, "apple")]


def test_a_score_on_the_threshold_is_known() -> None:
    assert changes([DIM], Rules(min_score=float(DIM[0]), stable=1)) == [(0, "apple")]
    assert changes([DIM], Rules(min_score=0.41, stable=1)) == [(0, None)]


def test_scores_are_averaged_over_the_window_and_no_further() -> None:
    decisions = after([APPLE, BANANA, CHERRY, CHERRY, CHERRY], Rules(window=3))
    assert np.allclose(decisions[1].average, (APPLE + BANANA) / 2)
    assert np.allclose(decisions[3].average, (BANANA + CHERRY + CHERRY) / 3)
    assert np.allclose(decisions[4].average, CHERRY)
    assert len(decisions[4].scores) == 3
    assert decisions[0].candidate is not None
    assert decisions[0].candidate.score == pytest.approx(0.9)


def test_what_stands_keeps_its_score_up_to_date() -> None:
    low = np.float32([0.7, 0.3, 0])
    last = after([APPLE] * 3 + [low] * 3, Rules(stable=2, window=1))[-1]
    assert last.standing is not None
    assert (last.standing.label, last.standing.score, last.changed) == ("apple", pytest.approx(0.7), False)


def test_after_a_loss_the_same_answer_is_told_again_once_it_is_stable() -> None:
    rules = Rules(stable=2, window=3)
    lost = after([APPLE] * 5, rules)[-1]
    assert lost.standing is not None
    again = after([BANANA, BANANA], rules, NOTHING)
    assert [one.changed for one in again] == [False, True]
    assert np.allclose(again[0].average, BANANA), "frames from before the loss must not count"


@pytest.mark.parametrize("rules", [{"min_score": -0.1}, {"min_score": 1.1}, {"min_score": float("nan")}, {"stable": 0}, {"window": 0}])
def test_rules_that_mean_nothing_are_refused(rules: dict) -> None:
    with pytest.raises(InputRefused):
        Rules(**rules)
