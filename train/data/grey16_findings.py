"""Finds out how much of 16-bit grey survives in 8 bits, and says so in sentences."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from train.data.dataset import Dataset
from workstation.run_folder import ImageRecord

LEVELS = 256
MIN_SPAN, MIN_KEPT = 128, 32
"""Below so many of the 256 levels, over all images or in half of the images, much is lost."""
MAX_LOSS = 2
"""With fewer different values per level that is kept, as in a mask, little is lost."""


@dataclass(frozen=True)
class Grey16Summary:
    """Describes the used images of 16-bit grey.

    lowest, highest: of the values that they use. values: the median number of different values in
    an image. levels_kept: the smallest, median and largest number of grey levels that the upper 8
    bits keep of them. example: the path of the image that keeps the fewest. fitted: the range that
    training uses instead, if any.
    """

    images: int
    lowest: int
    highest: int
    values: int
    levels_kept: tuple[int, int, int]
    example: str
    fitted: tuple[int, ...] | None


def summarize_grey16(
    data: Dataset, used: Sequence[ImageRecord], fitted: Sequence[int] | None
) -> Grey16Summary | None:
    """Summarizes the used images of 16-bit grey; returns None without any."""
    uses = {image.path: data.grey16[image.sha256] for image in used if image.sha256 in data.grey16}
    if not uses:
        return None
    kept = sorted(use.kept for use in uses.values())
    return Grey16Summary(
        images=len(uses),
        lowest=min(use.low for use in uses.values()),
        highest=max(use.high for use in uses.values()),
        values=int(statistics.median(use.values for use in uses.values())),
        levels_kept=(kept[0], int(statistics.median(kept)), kept[-1]),
        example=min(uses, key=lambda path: uses[path].kept),
        fitted=tuple(fitted) if fitted else None,
    )


def grey16_faults(summary: Grey16Summary | None) -> Iterator[str]:
    """Yields a sentence if the upper 8 bits keep little, and they are what training uses."""
    if summary is None or summary.fitted:
        return
    fewest, median, most = summary.levels_kept
    span = (summary.highest >> 8) - (summary.lowest >> 8) + 1
    if (span < MIN_SPAN or median < MIN_KEPT) and summary.values > MAX_LOSS * median:
        yield (
            f"{summary.images} images are 16-bit grey and use the values {summary.lowest} to "
            f"{summary.highest}: of about {summary.values} different values in an image, 8 bits "
            f"keep {fewest} to {most} of {LEVELS} grey levels (the fewest: {summary.example}); "
            "--grey16 data-range keeps them"
        )


def colour16_faults(data: Dataset) -> Iterator[str]:
    """Yields a sentence if the upper 8 bits of most images of 16-bit colour hold little."""
    used = {image.path for image in data.images if image.split != "refused"}
    peaks = {path: peak for path, peak in data.colour16.items() if path in used}
    if peaks and statistics.median(peaks.values()) < MIN_SPAN:
        darkest = min(peaks, key=lambda path: peaks[path])
        yield (
            f"{len(peaks)} images have 16 bits per colour and use few of them: of 8 bits, which are"
            f" the upper ones, the highest values are {min(peaks.values())} to"
            f" {max(peaks.values())} of 255 (the darkest: {darkest}); save them as 8-bit images"
        )


def grey16_remarks(summary: Grey16Summary | None, used: int) -> Iterator[str]:
    """Yields a sentence on a range that was fitted, and on a mixture of depths."""
    if summary is None:
        return
    if summary.fitted:
        low, high = summary.fitted
        yield (
            f"{summary.images} images are 16-bit grey; the values {low} to {high} of the training "
            "images become 0 to 255 (--grey16 data-range)"
        )
    if summary.images < used:
        yield (
            f"{summary.images} of {used} images are 16-bit grey, the others have 8 bits: the model "
            "may learn that instead of the class"
        )
