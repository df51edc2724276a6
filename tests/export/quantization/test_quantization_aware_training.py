"""Checks that quantization-aware fine-tuning improves the int8 model, and is repeatable."""

from dataclasses import replace

import numpy as np
import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.inputs.keras_loader import load_flat_model, scores
from export.quantization import quantization_aware_training
from export.quantization.fake_quantization import fake_quantize
from export.quantization.quantization_aware_training import fine_tune
from runtime.errors import InputRefused

QAT = ArtifactSpec("tflite", "int8", qat=True)


@pytest.fixture
def damaged(trained, widen):
    """Returns a model whose scores int8 changes but does not destroy."""
    model = load_flat_model(trained / "model.keras")
    for number in range(3):
        widen(model, number, by=300)
    return model


def test_int8_scores_come_closer_to_the_float_scores(
    damaged, opened, calibration, manifest, answers
) -> None:
    expected = scores(damaged, calibration)
    tuned = fine_tune(damaged, opened, calibration, epochs=15, seed=1)
    before, after = (
        np.abs(answers(convert(model, QAT, calibration, manifest).content) - expected).mean()
        for model in (fake_quantize(damaged, calibration), tuned)
    )
    assert after < 0.8 * before, (before, after)


def test_the_same_seed_gives_the_same_weights(keras_model, opened, calibration) -> None:
    first, second = (
        fine_tune(keras_model, opened, calibration, epochs=1, seed=3).get_weights()
        for _ in range(2)
    )
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


def test_a_rate_that_only_does_damage_leaves_the_network_unchanged(
    keras_model, opened, calibration, monkeypatch
) -> None:
    monkeypatch.setattr(quantization_aware_training, "RATE", 0.9)
    ruined = fine_tune(keras_model, opened, calibration, epochs=3, seed=3)
    untuned = fake_quantize(keras_model, calibration)
    np.testing.assert_array_equal(
        ruined.get_layer("conv0").get_weights()[0], untuned.get_layer("conv0").get_weights()[0]
    )


def test_a_run_without_validation_images_is_refused(keras_model, opened, calibration) -> None:
    run = replace(opened, images=tuple(image for image in opened.images if image.split != "val"))
    with pytest.raises(InputRefused, match="no val images"):
        fine_tune(keras_model, run, calibration, epochs=1, seed=1)
