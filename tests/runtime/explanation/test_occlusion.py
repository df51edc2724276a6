"""The map of a model without a known end is where hiding the image lowers the score."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.classifier import Classifier
from runtime.explanation.explainer import explain
from runtime.explanation.occlusion import CELLS, PATCH, occlusion_map


@pytest.mark.parametrize(("top", "left"), [(0, 0), (0, 4), (4, 0), (4, 4)])
def test_mass_lies_on_the_red_quarter_of_an_image_that_is_red_there(
    onnx_model: Callable[..., Path], top: int, left: int
) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 2] = 200
    pixels[top : top + 4, left : left + 4] = (220, 20, 20)
    heat, method, *_ = explain(Classifier(onnx_model()), pixels, 0)
    assert method == "occlusion"
    assert heat[top : top + 4, left : left + 4].sum() > 0.9 * heat.sum() > 0


def test_nothing_speaks_for_a_class_whose_score_never_falls(
    onnx_model: Callable[..., Path],
) -> None:
    heat, *_ = explain(Classifier(onnx_model()), np.zeros((8, 8, 3), np.uint8), 0)
    assert not heat.any()


@pytest.mark.parametrize("shape", [(64, 64, 3), (17, 5, 1), (1, 1, 3)])
def test_each_cell_is_hidden_equally_often(shape: tuple[int, int, int]) -> None:
    """A score that falls by 1 at every patch gives the same fall everywhere."""
    runs = []

    def score(pixels: np.ndarray) -> float:
        runs.append(pixels)
        return 1.0 if len(runs) == 1 else 0.0

    assert (occlusion_map(score, np.zeros(shape, np.uint8)) == 1).all()
    assert len(runs) == 1 + (CELLS + PATCH - 1) ** 2
