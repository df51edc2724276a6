"""Tests that results of schema 1, which say "pictures" for images, are still read."""

from pathlib import Path

from benchmarks.accuracy import AccuracyReport
from benchmarks.commands.table import main
from benchmarks.reporting.result_file import LatencyReport

FOLDER = Path(__file__).parents[2] / "data" / "results_schema_1"


def test_old_latency_result_is_read_compared_and_shown(tmp_path: Path, capsys) -> None:
    report = LatencyReport.read(FOLDER / "latency.json")
    (measurement,) = report.measurements
    assert (report.schema, measurement.images, measurement.summary.count) == (2, 16, 40)
    report.write(tmp_path / "new.json")
    assert LatencyReport.read(tmp_path / "new.json") == report
    assert main(["compare", str(FOLDER / "latency.json"), str(tmp_path / "new.json")]) == 0
    assert "ratio 1.000" in capsys.readouterr().out


def test_old_accuracy_result_is_read_and_shown_with_the_latency(tmp_path: Path, capsys) -> None:
    old = FOLDER / "accuracy.json"
    (result,) = AccuracyReport.read(old).results
    assert (result.images, result.accuracy) == (16, 0.5625)
    words = ["report", str(FOLDER / "latency.json"), "--accuracy", str(old)]
    assert main([*words, "-o", str(tmp_path / "page.html")]) == 0
    assert "0.5625" in capsys.readouterr().out
