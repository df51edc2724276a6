"""Latency is measured in turns, with bounds, and says its conditions."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export.parity import latency
from export.parity.latency import ROUNDS, measure_in_turn
from runtime.classifier import Classifier
from runtime.system.cgroups import allowed_cores


@pytest.fixture
def pixels(calibration) -> np.ndarray:
    return calibration[0]


def test_every_artifact_is_timed_with_its_conditions(exported: Path, pixels) -> None:
    latencies = measure_in_turn(
        {name: Classifier(exported / name) for name in ("model.int8.tflite", "model.fp32.onnx")},
        pixels,
    )
    assert set(latencies) == {"model.int8.tflite", "model.fp32.onnx"}
    for latency_of_file in latencies.values():
        assert latency_of_file.calls == ROUNDS
        assert 0 < latency_of_file.p50_ms < 1000
        assert latency_of_file.threads == allowed_cores()
        assert latency_of_file.cpu_model


class Sleeper:
    """Takes a known time for each image, as a clock shows that it alone moves."""

    threads = 1

    def __init__(self, seconds: float, calls: list[float]) -> None:
        self.seconds, self.calls = seconds, calls

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        self.calls.append(self.seconds)
        return np.zeros(2, np.float32)


def test_a_slow_one_is_bounded_and_takes_turns_with_the_others(pixels, monkeypatch) -> None:
    monkeypatch.setattr(latency, "MAX_TIMED_S", 0.25)
    monkeypatch.setattr(latency, "WARM_UP_S", 0.05)
    calls: list[float] = []
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: sum(calls)))
    slow, fast = 1 / 16, 1 / 1024
    latencies = measure_in_turn(
        {"slow": Sleeper(slow, calls), "fast": Sleeper(fast, calls)}, pixels
    )
    assert (latencies["fast"].calls, latencies["slow"].calls) == (ROUNDS, 2)
    assert (latencies["slow"].p50_ms, latencies["fast"].p50_ms) == (62.5, 0.977)
    assert calls.count(slow) == 1 + 2 * 2, "one run to warm up, then two in each turn"
    assert calls[4:8] == [slow, slow, fast, fast]
