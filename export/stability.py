"""Whether more calibration pictures would bring the quantized model nearer to the float one: the set against its two halves.

The rule: the model is asked for its scores on 40 pictures of the set, activations in 8 bits, three times: over the ranges of one half,
of the other, and of all. If the scores over a half are further from the float ones than those over all by GAIN, twice as many
pictures helped, so still more are likely to; unless the distance is below SMALL, where no label is at stake. Where 8 bits are too few
whatever the ranges, all three are equally far, and the rule is silent: more pictures would not help.

Measured, three seeds each, how many times further: a small CNN (fruits360-16, 64 pixels) 2 pictures 6 to 44, 8 pictures 1.4 to 3.8, 32
pictures 0.8 to 1.2, 200 pictures 1.3 to 1.5, from 4 on all of them below SMALL; EfficientNet-Lite0 (grocery-fruit, 224 pixels) 2
pictures 0.5 to 2.2, 4 to 200 pictures 0.7 to 1.3. The ratio of the ranges is told as well, but is no rule: at 200 pictures the
worst layer's is still 1.1 to 1.3, because one outlier widens the range of a layer without moving a score.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.answers import Reference
from export.calibration import Calibration
from runtime.plugins import Plugin

RANGES = Plugin("export.activations:activation_ranges", extra="export")
SCORES = Plugin("export.activations:scores_with_ranges", extra="export")

GAIN = 1.5
SMALL = 0.005
"""Of the probability, moved to other classes."""
ASKED = 40
"""Pictures that scores are compared on; the ranges come from all."""


@dataclass(frozen=True)
class Stability:
    """Two halves of the calibration set, evenly over the classes, of `pictures` each (the first may have one more), and the whole.

    half_error, whole_error: the part of the probability, 0..1, that quantized activations move to other classes, over the ranges of
        a half (mean of the two) and of all pictures.
    same_top1: part of the pictures on which both halves give the same label.
    worst_ratio, worst_layer, median_ratio: of a layer's wider range to its narrower one, from 1 up.
    dead_layers: names of those that give one and the same value for every picture.
    """

    pictures: int
    half_error: float
    whole_error: float
    same_top1: float
    worst_ratio: float
    worst_layer: str
    median_ratio: float
    dead_layers: tuple[str, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the halves say against the set."""
        doubts = []
        if self.half_error > max(SMALL, GAIN * self.whole_error):
            doubts.append(
                f"ranges of half the pictures move {self.half_error:.4f} of the probability to other classes, those of all"
                f" {self.whole_error:.4f}: still more pictures are likely to help; take twice as many"
            )
        if self.dead_layers:
            doubts.append(f"layer '{self.dead_layers[0]}' gives one and the same value for every calibration picture")
        return tuple(doubts)


def stability(model: Any, reference: Reference, calibration: Calibration) -> Stability | None:
    """Compares the two halves of a set; None for a single picture, or a model of one layer.

    `model` is the Keras model, and `reference` asks it for scores."""
    if len(calibration.pictures) < 2:
        return None
    first = halves([picture.label for picture in calibration.pictures])
    found = RANGES.load()(model, calibration.pixels)
    if not found.layers:
        return None
    ranges = [(found.low[part].min(0), found.high[part].max(0)) for part in (first, ~first, first | ~first)]
    asked = calibration.pixels[:ASKED]
    expected = reference(asked)
    one, other, whole = SCORES.load()(model, asked, found.calls, ranges)
    widths = np.array([high - low for low, high in ranges[:2]])
    alive = widths.min(0) > 0
    ratios = np.where(alive, widths.max(0) / np.where(alive, widths.min(0), 1), 1)
    worst = int(ratios.argmax())
    return Stability(
        pictures=int(first.sum()),
        half_error=(_moved(one, expected) + _moved(other, expected)) / 2,
        whole_error=_moved(whole, expected),
        same_top1=float(np.mean(one.argmax(1) == other.argmax(1))),
        worst_ratio=float(ratios[worst]),
        worst_layer=found.layers[worst],
        median_ratio=float(np.median(ratios)),
        dead_layers=tuple(name for name, wide in zip(found.layers, ranges[2][1] - ranges[2][0], strict=True) if not wide > 0),
    )


def halves(labels: list[str]) -> NDArray[np.bool_]:
    """(n,) which pictures are in the first half: of each class every second, classes beginning in turn with the first and the second."""
    seen: dict[str, int] = {}
    first = []
    for label in labels:
        seen[label] = seen.get(label, len(seen) % 2) + 1
        first.append(seen[label] % 2 == 1)
    return np.array(first)


def _moved(scores: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The total variation distance of two answers, (n, classes) each, mean over the pictures."""
    return float(np.abs(scores - expected).sum(1).mean() / 2)
