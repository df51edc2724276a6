"""The output fits 80 columns, and a warning that concerns many files appears once."""

from dataclasses import replace

import pytest

from export.commands.output import HEADINGS, attempt_line, output_warnings, summary, table_row
from export.exporter import ExportResult
from export.formats.artifact_spec import ArtifactSpec
from export.formats.layer_error import LayerError
from export.parity.artifact_record import ArtifactInputs, ArtifactRecord, Attempt, DeviceParity
from export.parity.gate import GateOutcome, ParityLimits
from export.parity.latency import Latency
from runtime.models.confidence import Confidence
from runtime.shared.parity import ParityReport, TrueScores
from workstation.similarity.measure import LeftOutClass, SimilarityRecord

FIGURES = {
    "images": 24,
    "objects": 24,
    "agreement": 0.9,
    "reference_accuracy": 1.0,
    "candidate_accuracy": 0.875,
    "drop": 0.125,
    "drop_low": -0.0123,
    "drop_high": 0.2623,
    "mean_score_error": 0.01,
    "worst_score_error": 0.2,
    "reference_calibration_error": 0.1,
    "candidate_calibration_error": 0.1,
    "worst_class": "a",
    "worst_class_drop": 0.5,
    "class_drops": {"a": 0.5},
    "constant": False,
    "flips": (),
}
LAYER = LayerError("dense", "FULLY_CONNECTED", 1.0, 0.2, 0.1, "conv", 0.3)


def result(file: str, outcome: GateOutcome = "undecided") -> ExportResult:
    limits = ParityLimits()
    spec = ArtifactSpec("tflite", "int8")
    record = ArtifactRecord(
        size_bytes=106_000_000,
        command="",
        versions={},
        made_by=ArtifactInputs(200, limits, 7, 0, 0.95, {}, "", "", "", spec),
        parity=ParityReport(**FIGURES, true_scores=TrueScores((), (), ())),
        limits=limits,
        outcome=outcome,
        reasons=("accuracy fell",) if outcome == "failed" else (),
        doubts=("24 images for testing: too few",),
        devices={},
        confidence=Confidence(1.4, 0.6213, 24, 0.952, 0.5834),
        similarity_figures=None,
        class_findings=(),
        latency=Latency(1234.5, 30, 2, "a processor"),
        calibration_id=None,
        warnings=("calibration: all of one class",),
        layers=(),
    )
    return ExportResult(file, "bundle", "report.html", record, reused=False)


def device(outcome: str = "passed") -> DeviceParity:
    figures = {
        **FIGURES,
        "images": 200,
        "objects": 200,
        "agreement": 0.995,
        "worst_score_error": 0.25,
    }
    return DeviceParity(
        **figures,
        device="Cortex-A72, emulated",
        versions={},
        outcome=outcome,
        reasons=(),
        agreement_with_keras=0.9,
    )


def changed(original: ExportResult, **fields: object) -> ExportResult:
    return replace(original, record=replace(original.record, **fields))


def test_a_row_and_its_headings_fit_80_columns_and_stand_in_line() -> None:
    row = table_row(result("model.int16x8.tflite"))
    assert max(len(row), len(HEADINGS)) <= 80
    assert row.index("UNDECIDED") == HEADINGS.index("outcome")
    assert row.index("106.00") + len("106.00") == HEADINGS.index("MB") + len("MB")
    assert row.index("(-0.0123") <= HEADINGS.index("(95 %)") + 1
    assert all(len(part) <= 100 for part in summary(result("model.int8.tflite")).splitlines())


def test_doubts_and_warnings_are_said_once_and_each_refusal_by_itself() -> None:
    results = [
        result("a.tflite"),
        result("b.tflite"),
        result("c.tflite", "failed"),
        replace(result("d.onnx"), reused=True),
    ]
    warnings = list(output_warnings(results))
    assert warnings[0] == "calibration: all of one class"
    assert warnings[1].startswith("3 of 4 files: 24 images for testing: too few; published")
    assert warnings[2] == "c.tflite: accuracy fell. It was not published; report: report.html"
    assert len(warnings) == 3


@pytest.mark.parametrize(
    ("devices", "named"),
    [({}, True), ({"aarch64": device()}, True), ({"aarch64": device("failed")}, False)],
)
def test_the_layer_is_named_only_where_quantization_is_to_blame(
    devices: dict[str, DeviceParity], named: bool
) -> None:
    refused = changed(result("a.tflite", "failed"), layers=(LAYER,), devices=devices, warnings=())
    warning = next(output_warnings([refused]))
    assert ("quantization damages layer 'dense'" in warning) == named


def test_a_single_doubt_names_its_file() -> None:
    doubt = next(line for line in output_warnings([result("a.tflite")]) if "few" in line)
    assert doubt.startswith("a.tflite: ")


def test_summary_tells_what_unknown_costs_and_brings() -> None:
    with_threshold = result("model.int8.tflite")
    assert (
        "  unknown below a score of 0.621: keeps 95.2% of right, stops 58.3% of wrong answers"
        in summary(with_threshold).splitlines()
    )
    without = changed(with_threshold, confidence=Confidence(1.0, 0.0, 24, 1.0, 0.0))
    assert (
        "  nothing is called unknown: 3 of 24 answers are wrong, and a fit needs 10"
        in summary(without).splitlines()
    )


def test_summary_tells_what_similarities_stop() -> None:
    confidence = Confidence(1.4, 0.42, 24, 0.95, 0.25, 0.6512, 0.95, 0.952, 0.939, 0.964)
    rows = (LeftOutClass("a", 12, 0.75, 0.25), LeftOutClass("b", 12, 0.85, 0.35))
    similarity = SimilarityRecord(rows, 0.8, 0.81, 2, 100)
    text = summary(
        changed(result("a.tflite"), confidence=confidence, similarity_figures=similarity)
    )
    assert (
        "  unknown below a similarity of 0.651: kept 95.2% of known images on objects left out of"
        " the fit (95 % interval 93.9% to 96.4%)\n"
        "  a class left out: AUROC 0.800, 30.0% of its images stopped (means of 2 classes)\n"
        "  unsure below a score of 0.420: keeps 95.0% of right, stops 25.0% of wrong answers\n"
        in text
    )


def test_summary_tells_what_another_processor_gave() -> None:
    text = summary(changed(result("a.tflite"), devices={"aarch64": device()}))
    assert (
        "  on Cortex-A72, emulated, 200 images:\n"
        "    same top-1 as here 0.9950, worst score difference 0.25\n" in text
    )


def test_an_attempt_is_one_line_with_its_layers_and_reasons() -> None:
    mixed = Attempt(
        "int8, 1 layer in float", "a", "failed", ("accuracy fell",), ("conv0",), accuracy=0.5
    )
    assert attempt_line(2, mixed) == (
        "attempt 2, int8, 1 layer in float (conv0): failed, accuracy 0.5000; accuracy fell"
    )
    impossible = Attempt("int8, equalized", "a", "not possible", ("cannot be taken apart",))
    assert attempt_line(3, impossible) == (
        "attempt 3, int8, equalized: not possible; cannot be taken apart"
    )
