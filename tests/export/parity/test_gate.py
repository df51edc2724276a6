"""The gate passes the same classifier and refuses another one."""

import keras
import numpy as np
import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.inputs.keras_loader import scores
from export.parity.evaluate import Outputs
from export.parity.gate import (
    ParityLimits,
    apply_limits,
    compare_on_test_split,
    judge_similarity,
    require_deciding,
)
from runtime.errors import CheckFailed, InputRefused
from runtime.shared.parity import compare
from workstation.similarity.measure import LeftOutClass, SimilarityRecord

LABELS = ("a", "b")


def two_models(images: int, lost: int, gained: int):
    """Compares a reference, right on the first half, with a candidate that loses and gains."""
    truth = np.zeros(images, int)
    right, wrong = [0.9, 0.1], [0.2, 0.8]
    half = images // 2
    reference = np.array([right] * half + [wrong] * (images - half), np.float32)
    candidate = reference.copy()
    candidate[:lost] = wrong
    candidate[half : half + gained] = right
    return compare([str(n) for n in range(images)], truth, reference, candidate, LABELS)


def test_a_drop_over_the_limit_is_refused_and_says_why() -> None:
    gate_result = apply_limits(
        two_models(1000, lost=30, gained=10), ParityLimits(max_drop=0.01, min_agreement=0.9)
    )
    assert len(gate_result.reasons) == 1
    assert "fell by 0.0200 from 0.5000" in gate_result.reasons[0]


def test_a_drop_at_the_limit_passes() -> None:
    assert not apply_limits(
        two_models(1000, lost=20, gained=10), ParityLimits(max_drop=0.01, min_agreement=0.9)
    ).reasons


def test_too_many_flips_are_refused_even_where_accuracy_holds() -> None:
    (reason,) = apply_limits(
        two_models(1000, lost=40, gained=40), ParityLimits(max_drop=0.01, min_agreement=0.95)
    ).reasons
    assert "0.9200 of the top-1 labels" in reason


def test_too_few_images_to_be_sure_are_said() -> None:
    few, many = (
        apply_limits(two_models(images, lost=0, gained=0), ParityLimits()) for images in (20, 2000)
    )
    assert "20 images for testing: too few" in few.doubts[0]
    assert "at least 194 are needed" in few.doubts[0]
    assert not many.doubts


def test_the_number_that_is_needed_is_the_fewest_that_decide() -> None:
    assert not apply_limits(two_models(194, lost=0, gained=0), ParityLimits()).doubts
    assert apply_limits(two_models(193, lost=0, gained=0), ParityLimits()).doubts


def test_a_strict_gate_that_cannot_pass_is_refused_before_the_work() -> None:
    require_deciding(ParityLimits(), 3, "run")
    require_deciding(ParityLimits(strict=True), 194, "run")
    with pytest.raises(CheckFailed, match=r"1 image for testing: too few .* least 194 are needed"):
        require_deciding(ParityLimits(strict=True), 1, "run")
    with pytest.raises(CheckFailed, match="no number is enough"):
        require_deciding(ParityLimits(max_drop=0, strict=True), 10**6, "run")


def test_one_answer_for_everything_is_refused() -> None:
    reference = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    constant = np.tile(np.float32([0.6, 0.4]), (4, 1))
    report = compare(list("wxyz"), np.zeros(4, int), reference, constant, LABELS)
    assert (
        "same scores" in apply_limits(report, ParityLimits(max_drop=1, min_agreement=0)).reasons[0]
    )


@pytest.mark.parametrize(
    ("drop", "agreement"), [(-0.1, 0.9), (1.1, 0.9), (0.1, 2), (float("nan"), 0.9)]
)
def test_limits_outside_0_to_1_are_refused(drop: float, agreement: float) -> None:
    with pytest.raises(InputRefused):
        ParityLimits(drop, agreement)


@pytest.mark.parametrize(
    ("auroc", "images", "refused"),
    [(0.80, 50, True), (0.895, 50, False), (0.80, 2, False), (0.95, 50, False)],
)
def test_file_that_tells_strangers_worse_is_refused(
    auroc: float, images: int, refused: bool
) -> None:
    """With 2 images of a class a single pair of images is worth more than the limit."""
    rows = tuple(LeftOutClass(label, images, auroc, 0.5) for label in "abcd")
    record = SimilarityRecord(rows, auroc, 0.9, 1, 100)
    reasons = list(judge_similarity(record, ParityLimits()))
    assert bool(reasons) == refused
    assert not list(judge_similarity(None, ParityLimits()))


def test_the_right_model_agrees_and_one_fed_other_pixel_values_does_not(
    opened, keras_model, calibration, manifest, tmp_path
) -> None:
    """x / 255 where (x - 127) / 128 was trained: the commonest mistake of all (FAULTS E18)."""
    normalize = keras_model.layers[1]
    inputs = keras.Input(keras_model.input_shape[1:])
    after_normalization = keras.Model(normalize.output, keras_model.output)
    wrong = keras.Model(inputs, after_normalization(keras.layers.Rescaling(1 / 255)(inputs)))

    def outputs(pixels):
        return Outputs(scores(keras_model, pixels), None)

    agreement = {}
    for name, model in (("right", keras_model), ("wrong", wrong)):
        file = tmp_path / f"{name}.tflite"
        file.write_bytes(
            convert(model, ArtifactSpec("tflite", "fp32"), calibration[:0], manifest).content
        )
        agreement |= {
            file: judged.parity
            for file, judged in compare_on_test_split(opened, outputs, [file], {}, 0.95).items()
        }
    assert agreement["right.tflite"].agreement == 1
    assert agreement["right.tflite"].worst_score_error < 1e-4
    assert agreement["wrong.tflite"].worst_score_error > 0.05
    assert apply_limits(agreement["wrong.tflite"], ParityLimits(min_agreement=0.99)).reasons
