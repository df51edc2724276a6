"""Dots and intervals lie where their figures say."""

from export.plots import SCATTER_SIDE, drop_axis, scatter


def test_dots_have_keras_across_and_the_artifact_upwards() -> None:
    dots = scatter({"reference": [0, 1000, 500, 500], "candidate": [0, 1000, 250, 250], "flipped": [1]})
    assert dots.same == f"M0 {SCATTER_SIDE}h0M100 150h0", "the fourth is where the third is"
    assert dots.flipped == f"M{SCATTER_SIDE} 0h0"
    assert (dots.pictures, dots.flips) == (4, 1)


def record(low: float, drop: float, high: float, limit: float):
    return {"parity": {"drop_low": low, "drop": drop, "drop_high": high}, "limits": {"max_drop": limit}}


def test_axis_shows_every_interval_zero_and_the_limit() -> None:
    axis = drop_axis([record(-0.01, 0.001, 0.012, 0.015), record(0.005, 0.02, 0.03, 0.9)])
    places = [axis.place(drop) for drop in (-0.01, 0, 0.001, 0.015, 0.03)]
    assert places == sorted(places)
    assert 0 < places[0] < places[-1] < 100
    assert axis.place(0.9) > 100, "a limit far beyond all intervals is left out"


def test_axis_of_one_point_has_a_width() -> None:
    axis = drop_axis([record(0, 0, 0, 0)])
    assert axis.place(0) == 50
