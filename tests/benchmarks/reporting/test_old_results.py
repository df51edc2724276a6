"""Tests that results of older schemas, whose keys differ, are still read."""

from pathlib import Path

import pytest

from benchmarks.accuracy import AccuracyReport
from benchmarks.commands.table import main
from benchmarks.reporting.result_file import LatencyReport

FOLDER = Path(__file__).parents[2] / "data" / "results_schema_1"


@pytest.mark.parametrize("schema", [1, 2])
def test_old_latency_result_is_read_compared_and_shown(tmp_path: Path, capsys, schema: int) -> None:
    old, text = tmp_path / "old.json", (FOLDER / "latency.json").read_text()
    if schema == 2:
        text = text.replace('"schema": 1', '"schema": 2').replace('"pictures"', '"images"')
    old.write_text(text)
    report = LatencyReport.read(old)
    (measurement,) = report.measurements
    assert (report.schema, measurement.images, measurement.summary.count) == (3, 16, 40)
    assert (report.title, measurement.model_folder) == ("bundle_schema_1", "data/bundle_schema_1")
    report.write(tmp_path / "new.json")
    assert LatencyReport.read(tmp_path / "new.json") == report
    assert main(["compare", str(old), str(tmp_path / "new.json")]) == 0
    assert "ratio 1.000" in capsys.readouterr().out


def test_old_accuracy_result_is_read_and_shown_with_the_latency(tmp_path: Path, capsys) -> None:
    old = FOLDER / "accuracy.json"
    (result,) = AccuracyReport.read(old).results
    assert (result.images, result.accuracy) == (16, 0.5625)
    words = ["report", str(FOLDER / "latency.json"), "--accuracy", str(old)]
    assert main([*words, "-o", str(tmp_path / "page.html")]) == 0
    assert "0.5625" in capsys.readouterr().out
