"""Tests --against: both bundles on the same held-out images, and a refusal of a worse one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.against import compare_with_old, judge_against, open_old
from export.parity.gate import GateResult, ParityLimits
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.deployment.replacement_check import identities
from runtime.errors import InputRefused
from runtime.shared.scoring import score_images

FILE = "model.int8.tflite"
PASSED = GateResult("passed", (), ())


@pytest.fixture
def own_scores(opened, exported: Path) -> np.ndarray:
    classifier = Classifier(exported, artifact=FILE, throughput=True)
    _, (scores,) = score_images([classifier], opened.split("test"), opened.read)
    return scores


def test_the_same_file_differs_nowhere(opened, exported: Path, own_scores) -> None:
    record = compare_with_old(exported, opened, {FILE: own_scores})[FILE]
    assert (record.artifact, record.images) == (FILE, len(opened.split("test")))
    assert (record.drop, record.better, record.worse, record.flips) == (0.0, 0, 0, ())
    assert record.replaces == identities(Bundle.open(exported))
    assert record.replaces[:2] == (Bundle.open(exported).id, opened.model_sha256)
    assert record.drop_low < 0 < record.drop_high


def test_what_one_class_lost_is_counted_and_refused(opened, exported: Path, own_scores) -> None:
    images = opened.split("test")
    is_poly = np.array([image.label == "poly" for image in images])
    right = own_scores.argmax(1) == is_poly
    lost = own_scores.copy()
    lost[is_poly] = [1, 0]
    record = compare_with_old(exported, opened, {FILE: lost})[FILE]
    worse = int((right & is_poly).sum())
    assert worse > 0
    assert (record.better, record.worse) == (0, worse)
    assert record.drop == pytest.approx(worse / len(images))
    assert record.class_drops == {"mono": 0.0, "poly": pytest.approx(worse / is_poly.sum())}
    assert {flip.label for flip in record.flips} == {"poly"}
    gate_result = judge_against(PASSED, record, ParityLimits(max_drop=0.01))
    assert gate_result.outcome == "failed"
    assert gate_result.reasons[0].startswith(
        f"against bundle {record.replaces[0]}: accuracy fell by"
    )
    assert judge_against(PASSED, record, ParityLimits(max_drop=1)).outcome == "passed"


def test_a_new_class_hides_no_loss(opened, exported: Path, own_scores) -> None:
    """Half the mono images get a class that the old bundle lacks; the new file knows it."""
    images = opened.split("test")
    mono = [image for image in images if image.label == "mono"]
    other = set(mono[: len(mono) // 2])
    relabelled = [replace(image, label="other") if image in other else image for image in images]
    labels = ("mono", "other", "poly")
    run = replace(
        opened, manifest=replace(opened.manifest, labels=labels), images=tuple(relabelled)
    )
    scores = np.zeros((len(images), 3), np.float32)
    for row, image in zip(scores, relabelled, strict=True):
        row[1 if image.label == "other" else 0] = 1.0
    record = compare_with_old(exported, run, {FILE: scores})[FILE]
    assert (record.new_images, record.new_right) == (len(other), len(other))
    assert record.images == len(images) - len(other)
    assert set(record.class_drops) == {"mono", "poly"}
    assert record.class_drops["poly"] > 0.5
    assert judge_against(PASSED, record, ParityLimits()).outcome == "failed"


def test_test_images_that_the_old_bundle_was_trained_with_are_a_doubt(
    opened, bundle: Path, own_scores
) -> None:
    data = json.loads((bundle / "calibration.json").read_text())
    (calibration,) = data["sets"].values()
    calibration["images"][0]["sha256"] = opened.split("test")[0].sha256
    (bundle / "calibration.json").write_text(json.dumps(data))
    record = compare_with_old(bundle, opened, {FILE: own_scores})[FILE]
    assert record.seen == 1
    gate_result = judge_against(PASSED, record, ParityLimits(max_drop=1))
    assert gate_result.outcome == "undecided"
    assert "1 of these test images were training images" in gate_result.doubts[-1]


def test_a_bundle_of_other_classes_is_refused(opened, bundle: Path) -> None:
    data = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(data | {"labels": ["cat", "dog"]}))
    with pytest.raises(InputRefused, match="knows none of the classes"):
        open_old(bundle, opened)


def test_export_compares_and_writes_the_record(
    trained: Path, exported: Path, tmp_path: Path, run_cli
) -> None:
    limits = ("--max-drop", "0.2", "--min-agreement", "0.8")
    words = ("export", "onnx", trained, "-o", tmp_path / "new", *limits, "--against", exported)
    done = run_cli(*words)
    assert done.returncode == 0, done.stderr
    old = Bundle.open(exported)
    assert f"  against bundle {old.id} (model.fp32.onnx), accuracy" in done.stdout
    row = Bundle.open(tmp_path / "new").manifest.provenance["against"]["model.fp32.onnx"]
    assert (row["replaces"][0], row["drop"], row["worse"]) == (old.id, 0.0, 0)
    record = json.loads((tmp_path / "new/parity.json").read_text())["artifacts"]["model.fp32.onnx"]
    assert record["against"]["class_drops"] == {"mono": 0.0, "poly": 0.0}
    assert "Against the bundle in use" in (tmp_path / "new/report.html").read_text()
    assert "already there, made by this command" in run_cli(*words).stdout


def test_a_worse_model_is_exit_3_and_not_published(
    run_copy: Path, exported: Path, tmp_path: Path, run_cli, save_into
) -> None:
    from export.inputs.keras_loader import load_flat_model

    model = load_flat_model(run_copy / "model.keras")
    layer = model.layers[-1]
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel[:, ::-1], bias[::-1]])
    save_into(run_copy, model)
    new = tmp_path / "new"
    words = ("export", "onnx", run_copy, "-o", new, "--allow-poor-model")
    done = run_cli(*words, "--against", exported)
    assert done.returncode == 3, done.stderr
    assert f"against bundle {Bundle.open(exported).id}: accuracy fell by" in done.stderr
    assert not new.exists()
    page = (tmp_path / "new.refused.model.fp32.onnx.html").read_text()
    assert "Against the bundle in use" in page
    assert run_cli(*words).returncode == 0, "without --against the gate alone decides"


def test_no_bundle_is_refused_before_the_long_work(trained: Path, tmp_path: Path, run_cli) -> None:
    done = run_cli("export", "onnx", trained, "-o", tmp_path / "new", "--against", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
