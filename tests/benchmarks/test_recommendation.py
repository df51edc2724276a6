"""Tests the recommendation, and that the runtime takes it on this machine and no other."""

import json
from pathlib import Path

import pytest

from benchmarks.commands.table import main
from benchmarks.recommendation import RecommendationLimits, recommend
from runtime import Bundle, Classifier
from runtime.bundles.recommendation import read_recommendation
from runtime.errors import CheckFailed, InputRefused


@pytest.fixture
def choices(measurement):
    """int8 at 9 ms, float at 5 ms and at 4.9 with 2 threads; float is larger and more accurate."""
    return (
        measurement((9.0,) * 20, sha256="a" * 64, accuracy=0.94),
        measurement(
            (5.0,) * 20,
            artifact="model.fp32.tflite",
            sha256="b" * 64,
            size_bytes=14_000_000,
            accuracy=0.95,
        ),
        measurement(
            (4.9,) * 20,
            artifact="model.fp32.tflite",
            sha256="b" * 64,
            size_bytes=14_000_000,
            accuracy=0.95,
            threads=2,
        ),
    )


SHORT = ("--threads", "1", "--iterations", "3", "--min-seconds", "0")


def test_the_fastest_is_taken_whatever_its_precision_and_spare_threads_stay_free(choices) -> None:
    best = recommend(choices, RecommendationLimits())
    assert (best.artifact, best.threads) == ("model.fp32.tflite", 1)


def test_limits_are_kept(choices) -> None:
    assert recommend(choices, RecommendationLimits(max_mb=5)).artifact == "model.int8.tflite"
    assert recommend(choices, RecommendationLimits(max_mb=5, max_drop=0.01)).accuracy == 0.94
    with pytest.raises(CheckFailed, match=r"p90 9 ms, at most 6.*14\.00 MB, at most 5"):
        recommend(choices, RecommendationLimits(max_mb=5, max_ms=6))
    with pytest.raises(CheckFailed, match=r"accuracy 0\.9400, the best 0\.9500"):
        recommend(choices, RecommendationLimits(max_mb=5, max_drop=0.005))


def test_the_slow_tenth_counts(measurement) -> None:
    shaky = measurement((1.0,) * 85 + (50.0,) * 15, sha256="a" * 64)
    steady = measurement((9.0,) * 100, artifact="b", sha256="b" * 64)
    assert recommend((shaky, steady), RecommendationLimits(max_ms=30)).artifact == "b"


def test_runtime_takes_what_was_measured_here(bundle: Path, capsys) -> None:
    assert main(["recommend", str(bundle), "--artifact", "model.fp32.onnx", *SHORT]) == 0
    out, errors = capsys.readouterr()
    assert "recommended: model.fp32.onnx with ONNX Runtime" in out
    rounds = [number for number in (1, 2, 3, 4) if f"latency round {number} of 3" in errors]
    assert rounds == [1, 2, 3]
    assert "; 9 samples, " in out, "three rounds of three"
    classifier = Classifier(bundle)
    assert (classifier.file.name, classifier.threads) == ("model.fp32.onnx", 1)
    assert Classifier(bundle, artifact="model.int8.tflite").file.name == "model.int8.tflite"
    assert Classifier(bundle, threads=2).file.name == "model.fp32.onnx"


@pytest.mark.parametrize(
    ("field", "value"),
    [("cpu_model", "Cortex-A72"), ("sha256", "0" * 64), ("artifact", "model.fp16.tflite")],
)
def test_recommendation_for_another_machine_or_export_is_not_taken(
    bundle: Path, field: str, value: str
) -> None:
    _write(bundle, {field: value})
    assert read_recommendation(Bundle.open(bundle)) is None
    assert Classifier(bundle).file.name == "model.int8.tflite"


@pytest.mark.parametrize(
    "change",
    [{"threads": 0}, {"threads": "1"}, {"schema": 9}, {"p90_ms": float("nan")}, {"colour": "red"}],
    ids=str,
)
def test_recommendation_that_does_not_hold_up_is_refused(bundle: Path, change: dict) -> None:
    _write(bundle, change)
    with pytest.raises(InputRefused, match=r"recommended\.json: not a usable recommendation"):
        Classifier(bundle)


def test_recommendation_that_does_not_hold_up_is_replaced_by_a_new_one(bundle: Path) -> None:
    (bundle / "recommended.json").write_text("{")
    assert main(["recommend", str(bundle), "--artifact", "model.int8.tflite", *SHORT]) == 0
    assert Classifier(bundle).threads == 1


def test_bundle_that_cannot_be_written_is_refused_before_it_is_measured(
    bundle: Path, capsys
) -> None:
    (bundle / "recommended.json").mkdir()
    with pytest.raises(InputRefused, match="cannot be written: it is a folder"):
        main(["recommend", str(bundle)])
    assert "latency round" not in capsys.readouterr().err


def _write(bundle: Path, change: dict) -> None:
    """A recommendation of the float file for this very machine, changed."""
    from runtime.system.cpu_model import read_cpu_model

    manifest = json.loads((bundle / "manifest.json").read_text())
    float_file = next(
        artifact for artifact in manifest["artifacts"] if artifact["file"] == "model.fp32.onnx"
    )
    data = {
        "artifact": float_file["file"],
        "sha256": float_file["sha256"],
        "threads": 1,
        "cpu_model": read_cpu_model(),
        "schema": 1,
    }
    (bundle / "recommended.json").write_text(
        json.dumps({**data, "interpreter": "ONNX Runtime 1.32.0", "p90_ms": 1.0, **change})
    )
