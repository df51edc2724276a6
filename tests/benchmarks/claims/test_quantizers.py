"""Tests the claim that compares our int8 files with those of other quantizers."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.claims.scripts.quantizing import quantizers, timing
from benchmarks.claims.scripts.quantizing.libraries import LIBRARIES
from benchmarks.claims.scripts.quantizing.quantizers import QuantizerRow, _claims, _line, _measure

HERE = Path(sys.executable)


@pytest.fixture(scope="module")
def rows(trained: Path) -> list[QuantizerRow]:
    """ONNX Runtime is installed here, NNCF is not."""
    with pytest.MonkeyPatch.context() as patch:
        libraries = {name: LIBRARIES[name] for name in ("onnxruntime", "NNCF")}
        patch.setattr(quantizers, "LIBRARIES", libraries)
        patch.setattr(timing, "PROCESSES", 1)
        return _measure(trained, {"onnxruntime": HERE, "nncf": HERE})


def test_every_file_is_measured_and_a_failure_keeps_its_reason(rows: list[QuantizerRow]) -> None:
    names = [(row.quantizer, row.suffix) for row in rows]
    assert names == [
        *(("ours", ".tflite"), ("float", ".tflite"), ("TFLiteConverter", ".tflite")),
        *(("ours", ".onnx"), ("float", ".onnx"), ("onnxruntime", ".onnx"), ("NNCF", ".onnx")),
    ]
    *measured, failed = rows
    assert (
        failed.reason
        == "nncf: could not make its model: ModuleNotFoundError: No module named 'nncf'"
    )
    assert failed.parity is None
    assert "No module named 'nncf'" in _line("cells", failed)
    for row in measured:
        assert row.parity is not None
        assert row.p50_ms > 0
        assert row.export_s > 0
    floats = [row for row in measured if row.quantizer == "float"]
    assert all(row.parity and row.parity.worst_score_error < 1e-4 for row in floats)
    whole = {row.suffix: row.size_bytes for row in floats}
    integers = [row for row in measured if row.quantizer != "float"]
    assert all(row.size_bytes < 0.6 * whole[row.suffix] for row in integers)
    assert all(row.parity and row.parity.agreement > 0.8 for row in integers)


def test_claims_count_a_gain_as_no_drop_and_leave_float_files_out(rows: list[QuantizerRow]) -> None:
    ours, *_ = rows
    assert ours.parity
    other = replace(ours.parity, drop=-0.02)
    made = [
        ours._replace(parity=replace(ours.parity, drop=0.0), p50_ms=2.0),
        ours._replace(quantizer="float", p50_ms=0.1),
        ours._replace(quantizer="other", parity=other, p50_ms=1.9),
    ]
    both = [*made, *(row._replace(suffix=".onnx") for row in made)]
    drop, time, *_ = list(_claims("cells", both))
    assert (drop.name, drop.figure, drop.holds) == ("quantizers cells tflite drop", 0, True)
    assert time.figure == pytest.approx(2 / 1.9)
    assert not time.holds
    assert "other: 1.900 ms" in time.unit
