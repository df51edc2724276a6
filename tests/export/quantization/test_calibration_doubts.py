"""Checks the sentences about poor calibration sets."""

from dataclasses import replace

import numpy as np
import pytest

from export.quantization.calibration import Calibration, choose_calibration
from export.quantization.calibration_doubts import calibration_doubts
from export.quantization.calibration_stability import Stability
from workstation.run_folder import ImageRecord

LABELS = ("mono", "poly")


def calibration_of(labels: list[str], *, flat: bool = False) -> Calibration:
    images = tuple(ImageRecord("train", label, f"{number}") for number, label in enumerate(labels))
    pixels = np.random.default_rng(1).integers(0, 256, (len(labels), 8, 8, 3)).astype(np.uint8)
    return Calibration(1, images, pixels[:, :1, :1].repeat(8, 1).repeat(8, 2) if flat else pixels)


@pytest.fixture(scope="module")
def good() -> Calibration:
    return calibration_of(["mono", "poly"] * 5)


def test_a_set_of_the_trained_model_is_not_doubted(opened) -> None:
    chosen = choose_calibration(opened, 40, seed=1)
    assert calibration_doubts(chosen, opened.manifest.labels, None) == []


def test_a_single_image_and_an_absent_class_are_doubted() -> None:
    single, absent = calibration_doubts(calibration_of(["mono"]), LABELS, None)
    assert single == "the ranges come from a single image; take 100 or more"
    assert absent == "1 of 2 classes have no calibration image ('poly')"


def test_images_of_an_external_model_have_no_class_to_miss() -> None:
    assert calibration_doubts(calibration_of(["", ""]), LABELS, None) == []


def test_images_of_one_colour_are_doubted() -> None:
    assert calibration_doubts(calibration_of(["mono", "poly"], flat=True), LABELS, None) == [
        "2 of 2 calibration images are each one single colour"
    ]


def test_a_gain_from_more_images_asks_for_more(good) -> None:
    equally_bad = Stability(10, 0.3, 0.28, 0.5, 1.1, "conv", 1.0, ())
    assert calibration_doubts(good, LABELS, equally_bad) == []
    gain = replace(equally_bad, whole_error=0.1)
    assert "take twice as many" in calibration_doubts(good, LABELS, gain)[0]
    negligible = replace(equally_bad, half_error=0.004, whole_error=0.0001)
    assert calibration_doubts(good, LABELS, negligible) == []


def test_a_layer_without_a_range_is_named(good) -> None:
    dead = Stability(5, 0.0, 0.0, 1.0, 1.1, "conv", 1.0, ("conv1_relu",))
    assert calibration_doubts(good, LABELS, dead) == [
        "layer 'conv1_relu' gives one and the same value for every calibration image"
    ]
