"""Checks how the two halves of a calibration set are compared."""

import numpy as np
import pytest
from PIL import Image

from export.inputs.keras_loader import load_flat_model, scores
from export.quantization.calibration import Calibration, choose_calibration
from export.quantization.calibration_doubts import calibration_doubts
from export.quantization.calibration_stability import in_first_half, measure_stability
from workstation.run_folder import ImageRecord


@pytest.fixture(scope="module")
def reference(keras_model):
    return lambda pixels: scores(keras_model, pixels)


def test_halves_are_even_over_classes_and_in_size() -> None:
    labels = [*"abcabcabc", "a"]
    first = in_first_half(labels)
    for label in "abc":
        in_first = [name for name, half in zip(labels, first, strict=True) if half]
        assert abs(2 * in_first.count(label) - labels.count(label)) <= 1
    assert first.sum() == 5
    assert in_first_half(list("ab")).tolist() == in_first_half(list("aa")).tolist() == [True, False]


def test_enough_images_are_stable(opened, keras_model, reference) -> None:
    chosen = choose_calibration(opened, 60, seed=1)
    stability = measure_stability(keras_model, reference, chosen)
    assert stability is not None
    assert calibration_doubts(chosen, opened.manifest.labels, stability) == []
    assert stability.images == 30
    assert 1 <= stability.median_ratio <= stability.worst_ratio < 3
    assert stability.worst_layer in {layer.name for layer in keras_model.layers}
    assert measure_stability(keras_model, reference, chosen) == stability


def test_images_that_have_nothing_in_common_are_not_stable(
    keras_model, reference, calibration
) -> None:
    """Half of them are nearly black, and ranges measured on these cut off the others."""
    dark = calibration[:4] // 64
    pixels = np.stack(
        [image for pair in zip(dark, calibration[4:8], strict=True) for image in pair]
    )
    images = tuple(ImageRecord("train", "mono", f"{number}") for number in range(8))
    calibration = Calibration(1, images, pixels)
    stability = measure_stability(keras_model, reference, calibration)
    assert stability is not None
    assert stability.half_error > 2 * stability.whole_error
    assert stability.worst_ratio > 2
    assert "take twice as many" in calibration_doubts(calibration, ("mono",), stability)[0]


def test_a_layer_without_a_range_is_named(opened, trained, calibration) -> None:
    model = load_flat_model(trained / "model.keras")
    norm = model.get_layer("conv1_bn")
    norm.set_weights([np.zeros_like(weight) for weight in norm.get_weights()])
    stability = measure_stability(
        model, lambda pixels: scores(model, pixels), choose_calibration(opened, 10, seed=1)
    )
    assert stability is not None
    assert "conv1_relu" in stability.dead_layers


def test_a_single_image_has_no_halves(opened, keras_model, reference) -> None:
    assert measure_stability(keras_model, reference, choose_calibration(opened, 1, seed=1)) is None


def test_sets_of_any_size_are_compared(opened, keras_model, reference) -> None:
    """Some sets have more images than are scored, some fewer than a batch."""
    for count in (2, 9, 41):
        stability = measure_stability(
            keras_model, reference, choose_calibration(opened, count, seed=2)
        )
        assert stability is not None
        assert np.isfinite(
            [stability.half_error, stability.whole_error, stability.worst_ratio]
        ).all()


def test_images_of_one_colour_each_do_not_divide_by_zero(keras_model, reference) -> None:
    pixels = np.stack(
        [np.asarray(Image.new("RGB", (64, 64), (level,) * 3)) for level in (127, 127, 129, 127)]
    )
    stability = measure_stability(
        keras_model,
        reference,
        Calibration(1, tuple(ImageRecord("train", "mono", f"{n}") for n in range(4)), pixels),
    )
    assert stability is not None
    assert np.isfinite([stability.worst_ratio, stability.median_ratio]).all()
