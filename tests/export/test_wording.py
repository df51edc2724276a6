"""Figures in words say which way they point."""

import pytest

from export.wording import drop, milliseconds, verdict


@pytest.mark.parametrize(
    ("here", "most", "words"),
    [
        (0.003, 0.011, "0.30 points below Keras, at most 1.10 below (95 %)"),
        (-0.003, 0.002, "0.30 points above Keras, at most 0.20 below (95 %)"),
        (-0.03, -0.011, "3.00 points above Keras, at least 1.10 above (95 %)"),
        (0.0, 0.0016, "the same accuracy as Keras, at most 0.16 below (95 %)"),
    ],
)
def test_drop(here: float, most: float, words: str) -> None:
    assert drop({"drop": here, "drop_high": most}) == words


@pytest.mark.parametrize(("value", "words"), [(0.123, "0.12 ms"), (9.994, "9.99 ms"), (52.34, "52.3 ms"), (523.4, "523 ms")])
def test_milliseconds_have_three_digits(value: float, words: str) -> None:
    assert milliseconds(value) == words


def test_verdict_of_a_refused_one() -> None:
    parity = {"drop": 0.5, "drop_high": 0.6}
    record = {"outcome": "failed", "bytes": 4_000_000, "parity": parity, "latency": {"p50_ms": 5.234}}
    assert verdict(record) == "refused: 50.00 points below Keras, at most 60.00 below (95 %), 4.00 MB, 5.23 ms a picture here"
