"""Defines the result of one peer and us with the same images and model file, with every sample.

It is checked when it is read back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median

from runtime.errors import InputRefused

MIN_MS = 1e-3
"""Less processor time than this is no measurement."""


@dataclass(frozen=True)
class SideFigures:
    """Holds the figures of one side.

    samples_ms: a row for each round; in a row each image from its file to its label, or one median
        if the model alone was timed.
    cold_ms: from the start of a fresh process to its first label.
    predicted_labels: of each image; None if it was refused.
    installed_bytes: of all that is installed beside Python itself.
    peak_bytes: the peak of the resident set of the process.
    processor_ms: the processor time of an image, of all threads: the mean of each round; () if it
        was not measured. On a machine that is busy with other work it says more than `samples_ms`.
    """

    versions: Mapping[str, str]
    samples_ms: tuple[tuple[float, ...], ...]
    cold_ms: tuple[float, ...]
    predicted_labels: tuple[str | None, ...]
    installed_bytes: int | None
    peak_bytes: int | None
    processor_ms: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rows = self.samples_ms
        if not rows or not all(row and min(row) > 0 for row in rows):
            raise InputRefused("peers", "expected samples_ms to be rounds of milliseconds above 0")

    @property
    def ms(self) -> float:
        """The ms of an image: the mean of a round, and the median of the rounds."""
        return median(fmean(row) for row in self.samples_ms)


@dataclass(frozen=True)
class PeerComparison:
    """Compares one peer with us.

    what: the summary of the peer.
    artifact: our file's name; sha256: of its content. their_artifact: the name of theirs; "": the
        same.
    with_images: whether images were asked about; otherwise the model alone was timed.
    image_labels: of each image; None if it is not known.
    """

    peer: str
    what: str
    artifact: str
    sha256: str
    threads: int
    with_images: bool
    image_labels: tuple[str | None, ...]
    ours: SideFigures
    theirs: SideFigures
    their_artifact: str = ""

    def __post_init__(self) -> None:
        images = {
            len(self.image_labels),
            *(len(side.predicted_labels) for side in (self.ours, self.theirs)),
        }
        rounds = {len(self.ours.samples_ms), len(self.theirs.samples_ms)}
        if len(images) > 1 or len(rounds) > 1:
            raise InputRefused(
                "peers", f"expected as many images and rounds on both sides of {self.peer}"
            )

    @property
    def ratio(self) -> float:
        """The median over the rounds of their time over ours, for the images that both took."""
        return median(self._ratios)

    @property
    def worst_ratio(self) -> float:
        """The ratio of the round that is worst for us."""
        return min(self._ratios)

    @property
    def processor_ratio(self) -> float | None:
        """The worst round's ratio in processor time; None if it was not measured."""
        rounds = zip(self.ours.processor_ms, self.theirs.processor_ms, strict=True)
        return min((theirs / max(ours, MIN_MS) for ours, theirs in rounds), default=None)

    @property
    def _ratios(self) -> list[float]:
        rounds = zip(self.ours.samples_ms, self.theirs.samples_ms, strict=True)
        return [sum(theirs) / sum(ours) for ours, theirs in rounds]

    @property
    def cold_ratio(self) -> float | None:
        """The median over the rounds of their cold start over ours; None if there is none."""
        rounds = zip(self.ours.cold_ms, self.theirs.cold_ms, strict=True)
        ratios = [theirs / ours for ours, theirs in rounds]
        return median(ratios) if ratios else None

    @property
    def agreement(self) -> float | None:
        """The share of all images, 0..1, that both give the same label."""
        pairs = zip(self.ours.predicted_labels, self.theirs.predicted_labels, strict=True)
        same = [ours == theirs for ours, theirs in pairs]
        return fmean(same) if same else None

    @property
    def refused(self) -> int:
        """How many images the peer could not take; we could take all of them."""
        return self.theirs.predicted_labels.count(None)

    def accuracy(self, side: SideFigures) -> float | None:
        """Returns the share of images, 0..1, that a side labels right.

        None stands for images whose right labels are not all known.
        """
        if not self.image_labels or None in self.image_labels:
            return None
        pairs = zip(side.predicted_labels, self.image_labels, strict=True)
        return fmean(predicted == label for predicted, label in pairs)
