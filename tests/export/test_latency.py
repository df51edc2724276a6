"""Latency is measured in turns, with bounds, and says its conditions."""

import time
from pathlib import Path

import numpy as np
import pytest

from export import latency
from export.latency import ROUNDS, cpu_name, measure
from runtime.classifier import Classifier
from runtime.threads import allowed_cores


@pytest.fixture
def pixels(calibration) -> np.ndarray:
    return calibration[0]


def test_every_artifact_is_timed_with_its_conditions(exported: Path, pixels) -> None:
    found = measure({name: Classifier(exported / name) for name in ("model.int8.tflite", "model.fp32.onnx")}, pixels)
    assert set(found) == {"model.int8.tflite", "model.fp32.onnx"}
    for one in found.values():
        assert one.runs == ROUNDS
        assert 0 < one.p50_ms < 1000
        assert one.threads == allowed_cores()
        assert one.cpu


class Sleeper:
    """Takes a known time for each picture, and notes when it was asked."""

    threads = 1

    def __init__(self, seconds: float, calls: list[float]) -> None:
        self.seconds, self.calls = seconds, calls

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        self.calls.append(self.seconds)
        time.sleep(self.seconds)
        return np.zeros(2, np.float32)


def test_a_slow_one_is_bounded_and_takes_turns_with_the_others(pixels, monkeypatch) -> None:
    monkeypatch.setattr(latency, "SHARE_S", 0.2)
    monkeypatch.setattr(latency, "WARM_UP_S", 0.04)
    calls: list[float] = []
    found = measure({"slow": Sleeper(0.05, calls), "fast": Sleeper(0.001, calls)}, pixels)
    assert (found["fast"].runs, found["slow"].runs) == (ROUNDS, 2)
    assert 50 <= found["slow"].p50_ms < 100
    assert 1 <= found["fast"].p50_ms < 30
    assert calls.count(0.05) == 1 + 2 * 2, "one run to warm up, then two in each turn"
    assert calls[4:8] == [0.05, 0.05, 0.001, 0.001]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n", "AMD EPYC"),
        (
            "processor\t: 0\nBogoMIPS\t: 108.00\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
            "Raspberry Pi 4 Model B Rev 1.4",
        ),
        ("model name\t: \nprocessor\t: 0\n", None),
        (None, None),
    ],
)
def test_the_processors_name(tmp_path: Path, table: str | None, name: str | None) -> None:
    import platform

    if table is not None:
        (tmp_path / "cpuinfo").write_text(table)
    assert cpu_name(tmp_path / "cpuinfo") == (name or platform.machine())
