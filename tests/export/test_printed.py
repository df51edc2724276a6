"""What the command prints fits a terminal of 80 columns, and says once what is true of many files."""

from dataclasses import replace

from export.printed import HEADINGS, complaints, line, summary
from export.run import ExportResult

PARITY = {
    "pictures": 24,
    "candidate_accuracy": 0.875,
    "reference_accuracy": 1.0,
    "drop": 0.125,
    "drop_low": -0.0123,
    "drop_high": 0.2623,
    "agreement": 0.9,
    "mean_score_error": 0.01,
    "worst_score_error": 0.2,
    "candidate_calibration_error": 0.1,
    "reference_calibration_error": 0.1,
    "worst_class": "a",
    "worst_class_drop": 0.5,
}


def result(file: str, outcome: str = "undecided") -> ExportResult:
    record = {
        "outcome": outcome,
        "bytes": 106_000_000,
        "parity": PARITY,
        "devices": {},
        "confidence": {"temperature": 1.4, "min_score": 0.6213, "pictures": 24, "right_kept": 0.952, "wrong_refused": 0.5834},
        "latency": {"p50_ms": 1234.5, "threads": 2},
        "doubts": ["24 test pictures are too few"],
        "reasons": ["accuracy fell"] if outcome == "failed" else [],
        "warnings": ["all of one class"],
        "layers": [],
    }
    return ExportResult(file, "bundle", "report.html", record, reused=False)


def test_a_row_and_its_headings_fit_80_columns_and_stand_in_line() -> None:
    row = line(result("model.int16x8.tflite"))
    assert max(len(row), len(HEADINGS)) <= 80
    assert row.index("UNDECIDED") == HEADINGS.index("outcome")
    assert row.index("106.00") + len("106.00") == HEADINGS.index("MB") + len("MB")
    assert row.index("(-0.0123") <= HEADINGS.index("(95 %)") + 1
    assert all(len(part) <= 100 for part in summary(result("model.int8.tflite")).splitlines())


def test_doubts_and_warnings_are_said_once_and_each_refusal_by_itself() -> None:
    results = [result("a.tflite"), result("b.tflite"), result("c.tflite", "failed"), replace(result("d.onnx"), reused=True)]
    said = list(complaints(results))
    assert said[0] == "calibration: all of one class"
    assert said[1].startswith("3 of 4 files: 24 test pictures are too few; published")
    assert said[2] == "c.tflite: accuracy fell. It was not published; report: report.html"
    assert len(said) == 3


def test_the_layer_is_named_only_where_quantization_is_to_blame() -> None:
    refused = result("a.tflite", "failed")
    layer = {"layer": "dense", "scale": 0.1, "lost": 0.2, "after": "conv", "after_scale": 0.3}
    for devices, named in (({}, True), ({"aarch64": {"outcome": "passed"}}, True), ({"aarch64": {"outcome": "failed"}}, False)):
        record = {**refused.record, "layers": [layer], "devices": devices}
        assert ("quantization hurts layer 'dense'" in next(complaints([replace(refused, record={**record, "warnings": []})]))) == named


def test_a_single_doubt_names_its_file() -> None:
    assert next(one for one in complaints([result("a.tflite")]) if "few" in one).startswith("a.tflite: ")


def test_summary_tells_what_unknown_costs_and_brings() -> None:
    found = result("model.int8.tflite")
    assert "  unknown below 0.621: keeps 95.2% of right, stops 58.3% of wrong answers" in summary(found).splitlines()
    none = {"temperature": 1.0, "min_score": 0.0, "pictures": 24, "right_kept": 1.0, "wrong_refused": 0.0}
    lines = summary(replace(found, record={**found.record, "confidence": none})).splitlines()
    assert "  nothing is called unknown: too few of these answers are wrong to tell when" in lines


def test_summary_tells_what_another_processor_gave() -> None:
    there = {"device": "Cortex-A72, emulated", "agreement": 0.995, "worst_score_error": 0.25, "pictures": 200}
    text = summary(replace(result("a.tflite"), record={**result("a.tflite").record, "devices": {"aarch64": there}}))
    assert "  on Cortex-A72, emulated, 200 pictures:\n    same top-1 as here 0.9950, worst score difference 0.25\n" in text
