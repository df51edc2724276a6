"""Two halves of a calibration set say whether more pictures would help."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from export.calibration import Calibration, choose_calibration
from export.keras_model import load, scores
from export.stability import Stability, halves, stability
from runtime.run_folder import Picture


@pytest.fixture(scope="module")
def reference(keras_model):
    return lambda pixels: scores(keras_model, pixels)


def test_halves_are_even_over_classes_and_in_size() -> None:
    labels = [*"abcabcabc", "a"]
    first = halves(labels)
    for label in "abc":
        inside = sum(one == label for one, half in zip(labels, first, strict=True) if half)
        assert abs(2 * inside - labels.count(label)) <= 1
    assert first.sum() == 5
    assert halves(list("ab")).tolist() == halves(list("aa")).tolist() == [True, False]


def test_enough_pictures_are_stable(opened, keras_model, reference) -> None:
    found = stability(keras_model, reference, choose_calibration(opened, 60, seed=1))
    assert found is not None
    assert found.doubts == ()
    assert found.pictures == 30
    assert 1 <= found.median_ratio <= found.worst_ratio < 3
    assert found.worst_layer in {layer.name for layer in keras_model.layers}
    assert stability(keras_model, reference, choose_calibration(opened, 60, seed=1)) == found


def test_pictures_that_have_nothing_in_common_are_not(keras_model, reference, calibration) -> None:
    """Half of them nearly black: ranges measured on these cut off the others."""
    dark = calibration[:4] // 64
    pixels = np.stack([picture for pair in zip(dark, calibration[4:8], strict=True) for picture in pair])
    found = stability(keras_model, reference, Calibration(1, tuple(Picture("train", "mono", f"{n}") for n in range(8)), pixels))
    assert found is not None
    assert found.half_error > 2 * found.whole_error
    assert found.worst_ratio > 2
    assert "take twice as many" in found.doubts[0]


def test_a_layer_without_a_range_is_named(opened, trained, calibration) -> None:
    model = load(trained / "model.keras")
    norm = model.get_layer("conv1_bn")
    norm.set_weights([np.zeros_like(weight) for weight in norm.get_weights()])
    found = stability(model, lambda pixels: scores(model, pixels), choose_calibration(opened, 10, seed=1))
    assert found is not None
    assert "conv1_relu" in found.dead_layers
    assert "layer 'conv1_relu' gives one and the same value" in found.doubts[-1]


def test_equally_bad_halves_do_not_ask_for_more_pictures() -> None:
    bad = Stability(10, 0.3, 0.28, 0.5, 1.1, "conv", 1.0, ())
    assert bad.doubts == ()
    assert replace(bad, whole_error=0.1).doubts
    assert not replace(bad, half_error=0.004, whole_error=0.0001).doubts


def test_a_single_picture_has_no_halves(opened, keras_model, reference) -> None:
    assert stability(keras_model, reference, choose_calibration(opened, 1, seed=1)) is None


def test_the_rule_holds_for_pictures_of_any_size_of_set(opened, keras_model, reference) -> None:
    """More pictures than are asked, fewer than a batch: no shape may matter."""
    for count in (2, 9, 41):
        found = stability(keras_model, reference, choose_calibration(opened, count, seed=2))
        assert found is not None
        assert np.isfinite([found.half_error, found.whole_error, found.worst_ratio]).all()


def test_images_of_one_colour_each_do_not_divide_by_zero(keras_model, reference) -> None:
    pixels = np.stack([np.asarray(Image.new("RGB", (64, 64), (level,) * 3)) for level in (127, 127, 129, 127)])
    found = stability(keras_model, reference, Calibration(1, tuple(Picture("train", "mono", f"{n}") for n in range(4)), pixels))
    assert found is not None
    assert np.isfinite([found.worst_ratio, found.median_ratio]).all()
