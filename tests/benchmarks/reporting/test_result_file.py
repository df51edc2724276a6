"""Tests that results come back, that bad ones are refused, and that doubts are reported."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.reporting.result_file import LatencyReport
from runtime.errors import InputRefused


def test_what_is_written_comes_back(report, tmp_path: Path) -> None:
    made = report()
    made.write(tmp_path / "a.json")
    assert LatencyReport.read(tmp_path / "a.json") == made


def test_result_of_a_real_run_has_every_sample(measured: Path, exported: Path) -> None:
    report = LatencyReport.read(measured)
    assert [measurement.artifact for measurement in report.measurements] == [
        "model.fp32.onnx",
        "model.int8.tflite",
    ]
    for measurement in report.measurements:
        assert len(measurement.samples_ms) == len(measurement.invoke_ms) == 40
        assert all(
            0 < inner <= whole
            for inner, whole in zip(measurement.invoke_ms, measurement.samples_ms, strict=True)
        ), "a part of the whole"
        assert measurement.size_bytes == (exported / measurement.artifact).stat().st_size
        assert len(measurement.cold_starts) == 3
        assert measurement.images == 16
        assert measurement.stages is not None
        assert len(measurement.stages.decode_ms) == 48
        assert measurement.memory is not None
        assert (
            measurement.memory.bare_bytes
            < measurement.memory.steady_bytes
            <= measurement.memory.peak_bytes
        )
        assert measurement.accuracy is not None
    assert report.before.at_s < report.after.at_s


CHANGES: dict[str, tuple[Callable[[dict], object], str]] = {
    "schema": (lambda data: data.update(schema=4), "of schema 4"),
    "unknown": (lambda data: data.update(colour="red"), "unknown field 'colour'"),
    "no measurement": (lambda data: data.update(measurements=[]), "at least one measurement"),
    "text sample": (
        lambda data: data["measurements"][0]["samples_ms"].__setitem__(0, "1"),
        "samples_ms",
    ),
    "nan": (
        lambda data: data["measurements"][0]["invoke_ms"].__setitem__(0, float("nan")),
        "invoke_ms",
    ),
    "one sample less": (
        lambda data: data["measurements"][0]["samples_ms"].pop(),
        "expected samples",
    ),
    "stages": (lambda data: data["measurements"][0]["stages"]["post_ms"].pop(), "equally often"),
    "machine": (lambda data: data["before"].pop("machine"), "machine"),
    "threads": (lambda data: data["measurements"][0].update(threads=0), "threads"),
    "accuracy": (lambda data: data["measurements"][0].update(accuracy=90), "accuracy"),
    "governors": (
        lambda data: data["before"]["machine"].update(governors="performance"),
        "machine.governors",
    ),
    "temperature": (
        lambda data: data["after"]["machine"].update(temperature_c="hot"),
        "machine.temperature_c",
    ),
    "busy": (lambda data: data["after"].update(busy_s="1"), "after.busy_s"),
    "versions": (lambda data: data["after"].update(versions={"numpy": 2}), "after.versions"),
    "asked": (lambda data: data.update(asked_threads=["1"]), "asked_threads"),
    "huge load": (lambda data: data["before"]["machine"].update(load=10**400), "machine.load"),
    "huge overhead": (
        lambda data: data["measurements"][0].update(overhead_us=10**400),
        "overhead_us",
    ),
    "huge file": (
        lambda data: data["measurements"][0].update(size_bytes=10**400),
        "size_bytes",
    ),
    "huge memory": (
        lambda data: data["measurements"][0]["memory"].update(peak_bytes=10**400),
        "memory.peak_bytes",
    ),
    "huge free memory": (
        lambda data: data["after"]["machine"].update(memory_available_mb=10**400),
        "machine.memory_available_mb",
    ),
    "huge free swap": (
        lambda data: data["after"]["machine"].update(swap_free_mb=10**400),
        "machine.swap_free_mb",
    ),
    "stage is a number": (
        lambda data: data["measurements"][0]["stages"].update(decode_ms=5),
        "stages.decode_ms",
    ),
    "stage is null": (
        lambda data: data["measurements"][0]["stages"].update(decode_ms=None),
        "stages.decode_ms",
    ),
    "stage is true": (
        lambda data: data["measurements"][0]["stages"].update(decode_ms=True),
        "stages.decode_ms",
    ),
    "no time in a run": (
        lambda data: data["measurements"][0]["stages"].update(invoke_ms=[0, 0]),
        "stages.invoke_ms",
    ),
    "no time in a sample": (
        lambda data: data["measurements"][0].update(samples_ms=[0.0] * 200),
        "samples_ms",
    ),
    "hardly any time in a sample": (
        lambda data: data["measurements"][0].update(samples_ms=[1e-300] * 200),
        "samples_ms",
    ),
    "year 10**300": (lambda data: data["before"].update(at_s=1e308), "at_s"),
    "year 3*10**11": (lambda data: data["before"].update(at_s=2**63), "at_s"),
    "year 10000": (lambda data: data["before"].update(at_s=253_402_300_800), "at_s"),
    "no least time": (lambda data: data["rule"].update(min_seconds=None), "rule.min_seconds"),
    "half a character": (lambda data: data.update(title="fruit\ud800"), "result.title"),
    "half a character in a version": (
        lambda data: data["after"].update(versions={"a\ud800": "2"}),
        "after.versions",
    ),
    "rule": (lambda data: data["rule"].update(iterations=0), "iterations"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_result_that_does_not_hold_up_is_refused(report, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.json"
    report().write(path)
    change, word = CHANGES[name]
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputRefused, match=rf"a\.json: .*{word}"):
        LatencyReport.read(path)


def test_folder_whose_name_is_not_utf_8_comes_back(report, measurement, tmp_path: Path) -> None:
    made = report(measurement(model_folder="fruit\udcff"))
    made.write(tmp_path / "a.json")
    assert LatencyReport.read(tmp_path / "a.json") == made


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"kind": "soak"}', "null"])
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(
        InputRefused, match=r"a\.json: (not a result of latency|expected a result of)"
    ):
        LatencyReport.read(tmp_path / "a.json")


def test_good_result_has_no_doubt(report) -> None:
    assert report().doubts() == ()


def test_spread_too_few_samples_and_slow_timing_are_doubts(report, measurement) -> None:
    noisy = measurement((10.0,) * 180 + (16.0,) * 20)
    assert report(noisy).doubts() == (
        "model.int8.tflite, 1 thread: p95 is 1.6 times p50 (10 ms); rerun when idle",
    )
    assert report(measurement((10.0,) * 99)).doubts() == (
        "model.int8.tflite, 1 thread: 99 samples; p99 needs 100",
    )
    assert "took 21.0 us a sample" in report(measurement(overhead_us=21.0)).doubts()[0]


def test_threads_above_the_cores_are_a_doubt(report) -> None:
    assert report(asked_threads=(1, 16)).doubts() == (
        "16 threads were asked for, 4 cores are allowed: measured with 4",
    )
