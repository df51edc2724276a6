"""Says what makes a calibration set a poor one, in sentences for calibration.json and the reports.

The rule for more images: `measure_stability` compares the scores over ranges of half the images
with those over ranges of all. If the halves are further from the float scores by MIN_GAIN, then
twice as many images helped, and still more are likely to. An error below NEGLIGIBLE_ERROR is
ignored, because it changes no label. If 8 bits are too few for any ranges, the errors are equal and
the rule stays
silent: more images would not help.

Measured ratios of the errors with three seeds each: a small CNN (fruits360-16, 64 pixels) has 6 to
44 with 2 images, 1.4 to 3.8 with 8, 0.8 to 1.2 with 32 and 1.3 to 1.5 with 200, where all errors
from 4 images on are below NEGLIGIBLE_ERROR. EfficientNet-Lite0 (grocery-fruit, 224 pixels) has 0.5
to 2.2 with 2 images and 0.7 to 1.3 with 4 to 200. The ratio of the ranges is recorded but is no
rule: with 200 images that of the worst layer is still 1.1 to 1.3, because one outlier widens the
range of a layer without moving a score.
"""

from collections.abc import Iterator

from export.quantization.calibration import Calibration
from export.quantization.calibration_stability import Stability

MIN_GAIN = 1.5
"""The ratio of the errors from which on more images are likely to help."""
NEGLIGIBLE_ERROR = 0.005
"""A part of the probability that moves to other classes."""


def calibration_doubts(
    calibration: Calibration, labels: tuple[str, ...], stability: Stability | None
) -> list[str]:
    """Returns one sentence for each reason to doubt the set; `labels` are the model's classes."""
    doubts = list(_doubts_about_images(calibration, labels))
    return doubts + list(_doubts_about_ranges(stability)) if stability else doubts


def _doubts_about_images(calibration: Calibration, labels: tuple[str, ...]) -> Iterator[str]:
    """Yields doubts about the choice of images.

    Measured on MobileNetV2 in int8 with 64 test images: the labels stayed the same for 62 % of them
    when calibrated on 1 image, for 91 % on 10, 94 % on 30 and 92 % on 100.
    """
    count = len(calibration.images)
    if count == 1:
        yield "the ranges come from a single image; take 100 or more"
    present = set(calibration.counts)
    if present != {""}:  # images of an external model have no class
        absent = [label for label in labels if label not in present]
        if absent:
            named = ", ".join(f"'{label}'" for label in absent[:3])
            more = ", ..." if absent[3:] else ""
            yield (
                f"{len(absent)} of {len(labels)} classes have no calibration image ({named}{more})"
            )
    if 2 * calibration.flat_images > count:
        yield f"{calibration.flat_images} of {count} calibration images are each one single colour"


def _doubts_about_ranges(stability: Stability) -> Iterator[str]:
    if stability.half_error > max(NEGLIGIBLE_ERROR, MIN_GAIN * stability.whole_error):
        yield (
            f"ranges of half the images move {stability.half_error:.4f} of the probability to other"
            f" classes, ranges of all images {stability.whole_error:.4f}: still more images are"
            " likely to help; take twice as many"
        )
    if stability.dead_layers:
        yield (
            f"layer '{stability.dead_layers[0]}' gives one and the same value for every"
            " calibration image"
        )
