"""Measures how much the ranges of a calibration set depend on the choice of its images.

It splits the set into two halves and computes the model's scores on some of its images three times,
with activations in 8 bits: over the ranges of one half, of the other half, and of all images. How
far these scores are from the float scores shows if more images help (see `calibration_doubts`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.evaluate import Reference
from export.quantization.calibration import Calibration
from runtime.system.lazy_loading import requires_extra

MAX_SCORED = 40
"""Images whose scores are compared; the ranges come from all images."""


@dataclass(frozen=True)
class Stability:
    """Compares two halves of a calibration set, evenly over the classes, with the whole set.

    images: in the first half, which may have one more than the second.
    half_error, whole_error: the part of the probability, 0..1, that quantized activations move to
        other classes, over the ranges of a half (mean of the two) and of all images.
    same_top1: the part of the images on which both halves give the same label.
    worst_ratio, worst_layer, median_ratio: of a layer's wider range to its narrower one, from 1 up.
    dead_layers: names of layers that give one and the same value for every image.
    """

    images: int
    half_error: float
    whole_error: float
    same_top1: float
    worst_ratio: float
    worst_layer: str
    median_ratio: float
    dead_layers: tuple[str, ...]


def measure_stability(
    model: Any, reference: Reference, calibration: Calibration
) -> Stability | None:
    """Compares the two halves of a set; returns None for a single image or a model of one layer.

    `model` is the Keras model, and `reference` gives its scores.
    """
    if len(calibration.images) < 2:
        return None
    with requires_extra("export"):
        from export.quantization.activation_ranges import activation_ranges, scores_with_ranges
    first = in_first_half([image.label for image in calibration.images])
    activations = activation_ranges(model, calibration.pixels)
    if not activations.layers:
        return None
    ranges = [
        (activations.low[part].min(0), activations.high[part].max(0))
        for part in (first, ~first, np.ones_like(first))
    ]
    scored = calibration.pixels[:MAX_SCORED]
    expected = reference(scored)
    first_half, second_half, whole = scores_with_ranges(model, scored, activations.calls, ranges)
    widths = np.array([high - low for low, high in ranges])
    ratios = _width_ratios(widths[:2])
    worst = int(ratios.argmax())
    dead = [
        name for name, width in zip(activations.layers, widths[2], strict=True) if not width > 0
    ]
    return Stability(
        images=int(first.sum()),
        half_error=(_moved(first_half, expected) + _moved(second_half, expected)) / 2,
        whole_error=_moved(whole, expected),
        same_top1=float(np.mean(first_half.argmax(1) == second_half.argmax(1))),
        worst_ratio=float(ratios[worst]),
        worst_layer=activations.layers[worst],
        median_ratio=float(np.median(ratios)),
        dead_layers=tuple(dead),
    )


def in_first_half(labels: list[str]) -> NDArray[np.bool_]:
    """Returns which images, (n,), are in the first half: every second image of each class.

    The first class begins in one half, the next class in the other, and so on.
    """
    counts: dict[str, int] = {}
    in_first = []
    for label in labels:
        counts[label] = counts.get(label, len(counts) % 2) + 1
        in_first.append(counts[label] % 2 == 1)
    return np.array(in_first)


def _width_ratios(widths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the wider of two ranges, (2, layers), by the narrower one; 1 if that has no width."""
    narrower, wider = widths.min(0), widths.max(0)
    has_width = narrower > 0
    return np.where(has_width, wider / np.where(has_width, narrower, 1), 1)


def _moved(scores: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Returns the total variation distance, averaged over the images; both are (n, classes)."""
    return float(np.abs(scores - expected).sum(1).mean() / 2)
