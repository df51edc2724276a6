"""Tests that only comparable results are compared, and that the interval holds the truth."""

import numpy as np
import pytest

from benchmarks.comparison import Ratio, compare_pair, compare_reports, in_one_only, interval
from runtime.errors import InputRefused


def noise(centre: float, seed: int, count: int = 400) -> tuple[float, ...]:
    return tuple(
        float(value) for value in np.random.default_rng(seed).normal(centre, centre / 50, count)
    )


def test_slower_and_the_same_are_told_apart(report, measurement) -> None:
    old, same, slower = (
        report(measurement(noise(centre, seed))) for centre, seed in ((10, 1), (10, 2), (11, 3))
    )
    (ratio,) = compare_reports(old, slower, ("a", "b"))
    assert 1.05 < ratio.low < ratio.ratio < ratio.high < 1.15
    assert str(ratio).endswith(": slower")
    assert str(compare_reports(slower, old, ("a", "b"))[0]).endswith(": faster")
    assert str(compare_reports(old, same, ("a", "b"))[0]).endswith("no difference shown")


def test_interval_is_the_same_in_every_run_and_covers_the_truth() -> None:
    held = 0
    for seed in range(40):
        old, new = np.array(noise(10, 2 * seed, 200)), np.array(noise(10.5, 2 * seed + 1, 200))
        low, high = interval(old, new)
        assert (low, high) == interval(old, new)
        held += low <= 1.05 <= high
    assert held >= 35


def test_interval_is_wider_where_neighbours_are_alike() -> None:
    """Two levels change every 50 samples; 400 single samples would look far surer."""
    levels = np.repeat(
        np.random.default_rng(3).choice([10.0, 14.0], 20), 50
    ) + np.random.default_rng(4).normal(0, 0.1, 1000)
    shuffled = np.random.default_rng(5).permutation(levels)
    wide, narrow = (
        high - low for low, high in (interval(levels, levels), interval(shuffled, shuffled))
    )
    assert wide > 1.5 * narrow


def test_interval_of_a_long_series_is_that_of_its_median_whatever_its_shape() -> None:
    """Blocks of unequal size gave an interval of 2 to 2 around a ratio of 1."""
    generator, old = np.random.default_rng(6), np.ones(3000)
    phases = np.repeat([1.0, 2.0], [4100, 3400])
    mixed = np.where(generator.random(20_000) < 0.53, 1.0, 2.0) + generator.normal(0, 0.01, 20_000)
    for new in (phases, mixed):
        low, high = interval(old, new)
        assert low <= np.median(new) <= high


def _pair(report, measurement, layouts: list[list[float]]) -> Ratio:
    """Two models in 12 processes of 30 samples, each with how much slower the process made it."""
    noise = np.random.default_rng(3).normal(1, 0.01, (2, 12, 30))
    old, new = (
        tuple((np.array(layouts[side])[:, np.newaxis] * noise[side]).ravel().tolist())
        for side in range(2)
    )
    return compare_pair(
        report(measurement(old), measurement(new, model_folder="new"), pair_loads=(30,) * 12)
    )


def test_pair_is_the_ratio_within_each_process(report, measurement) -> None:
    busy = [10.0, 20.0] * 6
    ratio = _pair(report, measurement, [busy, [1.1 * ms for ms in busy]])
    assert ratio.what == "new/model.int8.tflite against fruit/model.int8.tflite"
    assert (ratio.low, ratio.ratio, ratio.high) == pytest.approx((1.1, 1.1, 1.1), abs=0.01)
    assert str(ratio).endswith("slower")


def test_pair_that_differs_by_its_place_in_memory_shows_no_difference(report, measurement) -> None:
    """Of two copies of one file one is 3 % slower in each process."""
    lucky = [1.0, 1.03, 1.0, 1.0, 1.03, 1.03, 1.0, 1.03, 1.0, 1.03, 1.03, 1.03]
    assert str(_pair(report, measurement, [lucky, lucky[::-1]])).endswith("no difference shown")


def test_too_few_samples_and_what_one_report_lacks_are_not_compared(report, measurement) -> None:
    with pytest.raises(
        InputRefused, match=r"1 sample of model\.int8\.tflite; an interval needs 20"
    ):
        compare_reports(report(measurement((10.0,))), report(), ("a", "b"))
    more = report(
        measurement(),
        measurement(threads=2),
        measurement(sha256="cd" * 32, artifact="model.fp32.onnx"),
    )
    assert [len(labels) for labels in in_one_only(more, report())] == [2, 0]
    assert in_one_only(report(), more)[1][1].startswith("model.fp32.onnx")


def test_one_model_in_several_bundles_is_compared_in_each(report, measurement) -> None:
    both = [
        report(
            *(
                measurement((speed,) * 50, model_folder=name)
                for name, speed in zip("abc", speeds, strict=True)
            )
        )
        for speeds in ((1, 2, 3), (2, 2, 3))
    ]
    assert [ratio.ratio for ratio in compare_reports(*both, ("old", "new"))] == [2, 1, 1]


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        (
            {"board": "Raspberry Pi 4 Model B Rev 1.5"},
            ["board", "Raspberry Pi 5 Model B Rev 1.0", "Raspberry Pi 4 Model B Rev 1.5"],
        ),
        ({"cpu_model": "AMD EPYC"}, ["processor", "Cortex-A76", "AMD EPYC"]),
        ({"governors": ("ondemand",) * 4}, ["governor", "performance", "ondemand"]),
        ({"governors": ()}, ["governor", "performance", "not known"]),
        ({"cores_allowed": 2}, ["cores allowed", "4", "2"]),
    ],
    ids=lambda part: str(part)[:20],
)
def test_other_machines_and_states_are_refused_with_both_values(
    report, conditions, changes: dict, values: list[str]
) -> None:
    with pytest.raises(InputRefused) as refused:
        compare_reports(report(), report(before=conditions(**changes)), ("old.json", "new.json"))
    assert all(value in str(refused.value) for value in ("old.json", "new.json", *values))


def test_other_models_are_refused_with_both_hashes(report, measurement) -> None:
    with pytest.raises(
        InputRefused, match=r"another model \(sha256 abababababab\.\.\. and cdcdcdcdcdcd\.\.\.\)"
    ):
        compare_reports(report(), report(measurement(sha256="cd" * 32)), ("a", "b"))
    with pytest.raises(
        InputRefused, match=r"no model and number of threads in common: .*1 thread .*2 threads"
    ):
        compare_reports(report(), report(measurement(threads=2)), ("a", "b"))
    with pytest.raises(InputRefused, match="--interleave"):
        compare_reports(
            report(), report(measurement(), measurement(), pair_loads=(100, 100)), ("a", "b")
        )
