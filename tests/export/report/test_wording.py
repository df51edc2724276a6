"""Figures in words say which way they point."""

from dataclasses import replace

import pytest

from export.report.wording import (
    drop_in_points,
    grouped,
    milliseconds,
    no_threshold_reason,
    one_line_verdict,
)


@pytest.mark.parametrize(
    ("drop", "high", "words"),
    [
        (0.003, 0.011, "0.30 points below Keras, at most 1.10 below (95 %)"),
        (-0.003, 0.002, "0.30 points above Keras, at most 0.20 below (95 %)"),
        (-0.03, -0.011, "3.00 points above Keras, at least 1.10 above (95 %)"),
        (0.0, 0.0016, "the same accuracy as Keras, at most 0.16 below (95 %)"),
    ],
)
def test_drop(records, drop: float, high: float, words: str) -> None:
    parity = replace(next(iter(records.values())).parity, drop=drop, drop_high=high)
    assert drop_in_points(parity) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.123, "0.12 ms"), (9.994, "9.99 ms"), (52.34, "52.3 ms"), (523.4, "523 ms")],
)
def test_milliseconds_have_three_digits(value: float, words: str) -> None:
    assert milliseconds(value) == words


def test_verdict_of_a_refused_one(records) -> None:
    record = next(iter(records.values()))
    refused = replace(
        record,
        outcome="failed",
        size_bytes=4_000_000,
        parity=replace(record.parity, drop=0.5, drop_high=0.6),
        latency=replace(record.latency, p50_ms=5.234),
    )
    assert one_line_verdict(refused) == (
        "refused: 50.00 points below Keras, at most 60.00 below (95 %), 4.00 MB,"
        " 5.23 ms an image here"
    )


def test_files_with_an_equal_part_are_grouped(records) -> None:
    assert grouped(records, lambda record: record.limits) == [
        (list(records), next(iter(records.values())).limits)
    ]
    assert len(grouped(records, lambda record: record.command)) == len(records)


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        (0.0, "none of the 480 answers is right, so there is none to keep"),
        (1.0, "0 of 480 answers are wrong, and a fit needs 10"),
        (471 / 480, "9 of 480 answers are wrong, and a fit needs 10"),
        (0.5, "only a threshold of 0 keeps 95 of 100 right answers"),
    ],
)
def test_a_missing_threshold_has_a_true_reason(accuracy: float, reason: str) -> None:
    assert no_threshold_reason(480, accuracy) == reason
