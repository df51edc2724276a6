"""Tests that a leak, a drift and throttling are found in noise; the command really runs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.commands.table import main
from benchmarks.soak import SoakReport, Window

MIB = 2**20


def windows(
    growth_mib: float = 0.0,
    drift: float = 1.0,
    throttled: int = 0,
    noise_mib: float = 0.3,
    seed: int = 7,
) -> tuple[Window, ...]:
    generator = np.random.default_rng(seed)
    made = []
    for n in range(60):
        size_mib = 50 + growth_mib * n / 59 + generator.normal(0, noise_mib)
        made.append(
            Window(
                60.0 * n,
                1000,
                10.0 * (1 + (drift - 1) * n / 59),
                int(size_mib * MIB),
                60.0,
                throttled,
            )
        )
    return tuple(made)


@pytest.fixture
def soaked(conditions):
    def make(found: tuple[Window, ...]) -> SoakReport:
        return SoakReport(
            "fruit", "soak", "model.int8.tflite", 1, conditions(), conditions(), found
        )

    return make


def test_what_stays_has_no_fault(soaked) -> None:
    assert list(soaked(windows()).faults()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"growth_mib": 6.0}, "memory grew by 4"),
        ({"drift": 1.5}, "latency grew to 1.2"),
        ({"throttled": 0b100}, "throttled: throttled"),
    ],
    ids=str,
)
def test_what_does_not_stay_is_named(soaked, changes: dict, fault: str) -> None:
    (message,) = soaked(windows(**changes)).faults()
    assert message.startswith(fault)


@pytest.mark.parametrize(
    ("seconds", "images", "short"), [(0.9, 100, True), (60.0, 4, True), (60.0, 5, False)]
)
def test_too_short_a_run_decides_nothing(soaked, seconds: float, images: int, short: bool) -> None:
    run = tuple(
        Window(seconds * (n + 1) / 20, images, 10.0 + n, 50 * MIB, None, None) for n in range(20)
    )
    assert bool(soaked(run).too_short) == short
    assert bool(list(soaked(run).faults())) != short
    throttled = tuple(replace(window, throttled=0b100) for window in run)
    assert "throttled: throttled" in list(soaked(throttled).faults()), (
        "which needs no length to be seen"
    )


def test_what_only_fills_at_first_is_no_leak(soaked) -> None:
    filled = tuple(
        Window(60.0 * n, 1, 10.0, int((50 + min(n, 10)) * MIB), None, None) for n in range(60)
    )
    assert list(soaked(filled).faults()) == []


def test_growth_that_noise_could_be_is_seldom_called_a_leak(soaked) -> None:
    alarms = sum(
        bool(list(soaked(windows(noise_mib=8.0, seed=seed)).faults())) for seed in range(100)
    )
    assert alarms <= 8, "2.5 % are expected"


def test_it_runs_and_its_result_comes_back(
    exported: Path, tmp_path: Path, capsys, fits_schema
) -> None:
    path = tmp_path / "soak.json"
    assert main(["soak", str(exported), "--minutes", "0.01", "-o", str(path)]) == 0
    fits_schema("bench soak", json.loads(path.read_text()))
    report = SoakReport.read(path)
    assert len(report.windows) == 20
    assert all(window.count >= 1 and window.resident_bytes > 10 * MIB for window in report.windows)
    shown = capsys.readouterr().out
    assert f"{report.artifact}: {sum(window.count for window in report.windows)} images in" in shown
    assert "\ntoo short to decide: " in shown
