"""Tests averages, hysteresis and unknown on sequences of scores."""

import numpy as np
import pytest

from runtime.answer import Thresholds
from runtime.errors import InputRefused
from runtime.monitor.smoothing import NO_DECISION, Decision, SmoothingRules, update_decision

LABELS = ("apple", "banana", "cherry")
APPLE, BANANA, CHERRY = (
    np.float32(row) for row in ([0.9, 0.1, 0], [0.2, 0.8, 0], [0.05, 0.05, 0.9])
)
UNCERTAIN = np.float32([0.4, 0.3, 0.3])


def decisions_after(
    frames: list[np.ndarray], rules: SmoothingRules, start: Decision = NO_DECISION
) -> list[Decision]:
    decisions = [start]
    for scores in frames:
        decisions.append(update_decision(decisions[-1], scores, LABELS, rules))
    return decisions[1:]


def changes(frames: list[np.ndarray], rules: SmoothingRules) -> list[tuple[int, str | None]]:
    return [
        (index, decision.stable.label)
        for index, decision in enumerate(decisions_after(frames, rules))
        if decision.changed and decision.stable
    ]


def test_answer_is_stable_after_several_equal_ones_and_reported_once() -> None:
    assert changes([APPLE] * 9, SmoothingRules(stable=3, window=1)) == [(2, "apple")]
    assert changes([APPLE] * 4, SmoothingRules(stable=1, window=1)) == [(0, "apple")]
    assert decisions_after([APPLE] * 2, SmoothingRules(stable=3, window=1))[-1].stable is None


def test_flicker_changes_nothing_and_a_lasting_change_is_reported() -> None:
    frames = [APPLE] * 4 + [BANANA, BANANA, APPLE, BANANA, CHERRY, BANANA, APPLE] + [BANANA] * 3
    assert changes(frames, SmoothingRules(stable=3, window=1)) == [(2, "apple"), (13, "banana")]


def test_unknown_needs_as_many_frames_as_an_answer() -> None:
    rules = SmoothingRules(Thresholds(0.6), stable=3, window=1)
    assert changes([APPLE] * 3 + [UNCERTAIN] * 2 + [APPLE] * 3, rules) == [(2, "apple")]
    assert changes([APPLE] * 3 + [UNCERTAIN] * 3 + [APPLE] * 3, rules) == [
        (2, "apple"),
        (5, None),
        (8, "apple"),
    ]


def test_score_equal_to_the_threshold_is_not_unknown() -> None:
    assert changes([UNCERTAIN], SmoothingRules(Thresholds(float(UNCERTAIN[0])), stable=1)) == [
        (0, "apple")
    ]
    assert changes([UNCERTAIN], SmoothingRules(Thresholds(0.41), stable=1)) == [(0, None)]


def test_similarity_decides_before_the_score_and_unsure_is_not_unknown() -> None:
    rules = SmoothingRules(Thresholds(0.6, 0.4), stable=1, window=2)
    decision, verdicts = NO_DECISION, []
    for scores, similarity in ((APPLE, 0.9), (APPLE, 0.1), (APPLE, 0.1), (UNCERTAIN, 0.9)):
        decision = update_decision(decision, scores, LABELS, rules, similarity)
        assert decision.stable is not None
        verdicts.append((decision.stable.label, decision.stable.verdict))
    assert verdicts == [
        ("apple", "known"),
        ("apple", "known"),  # the mean of 0.9 and 0.1 is above 0.4
        (None, "unknown"),
        ("apple", "known"),
    ]
    decision = update_decision(decision, UNCERTAIN, LABELS, rules, 0.9)
    assert decision.changed
    assert decision.stable is not None
    assert (decision.stable.label, decision.stable.verdict) == (None, "unsure")


def test_scores_are_averaged_over_the_window_only() -> None:
    decisions = decisions_after([APPLE, BANANA, CHERRY, CHERRY, CHERRY], SmoothingRules(window=3))
    assert np.allclose(decisions[1].average, (APPLE + BANANA) / 2)
    assert np.allclose(decisions[3].average, (BANANA + CHERRY + CHERRY) / 3)
    assert np.allclose(decisions[4].average, CHERRY)
    assert len(decisions[4].scores) == 3
    assert decisions[0].newest is not None
    assert decisions[0].newest.score == pytest.approx(0.9)


def test_stable_answer_keeps_its_score_up_to_date() -> None:
    low = np.float32([0.7, 0.3, 0])
    last = decisions_after([APPLE] * 3 + [low] * 3, SmoothingRules(stable=2, window=1))[-1]
    assert last.stable is not None
    assert (last.stable.label, last.stable.score, last.changed) == (
        "apple",
        pytest.approx(0.7),
        False,
    )


def test_same_answer_is_reported_again_after_a_loss_when_stable() -> None:
    rules = SmoothingRules(stable=2, window=3)
    lost = decisions_after([APPLE] * 5, rules)[-1]
    assert lost.stable is not None
    decisions = decisions_after([BANANA, BANANA], rules, NO_DECISION)
    assert [decision.changed for decision in decisions] == [False, True]
    assert np.allclose(decisions[0].average, BANANA), "frames from before the loss must not count"


@pytest.mark.parametrize(
    "rules",
    [
        {"stable": 0},
        {"window": 0},
    ],
)
def test_meaningless_rules_are_refused(rules: dict) -> None:
    with pytest.raises(InputRefused):
        SmoothingRules(**rules)
