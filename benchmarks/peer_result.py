"""What one peer and we took for the same pictures and the same model file, with every sample; it checks itself when read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from benchmarks.typed import expect_types
from runtime.errors import InputRefused
from runtime.records import build, expect_list


@dataclass(frozen=True)
class Side:
    """samples_ms: a row a round, in each a picture from its file to its label (or one median, where the model alone was timed).

    cold_ms: from the start of a fresh process to its first label. labels: by picture, None where it was refused.
    installed_bytes: of all that is installed beside Python itself. peak_bytes: the resident set of the process, at its highest.
    """

    versions: Mapping[str, str]
    samples_ms: tuple[tuple[float, ...], ...]
    cold_ms: tuple[float, ...]
    labels: tuple[str | None, ...]
    installed_bytes: int | None
    peak_bytes: int | None

    def __post_init__(self) -> None:
        expect_types(self, "peers")
        if not self.samples_ms or not all(self.samples_ms) or not all(ms > 0 for row in self.samples_ms for ms in row):
            raise InputRefused("peers", "expected samples_ms to be rounds of milliseconds above 0")

    @property
    def ms(self) -> float:
        """A picture's, as the mean over the pictures of a round, and of those the median."""
        return median(fmean(row) for row in self.samples_ms)

    @classmethod
    def from_data(cls, data: Any) -> "Side":
        """From what `json.loads` gave of `dataclasses.asdict`."""
        if isinstance(data, dict):
            rows = tuple(tuple(expect_list("a round", row)) for row in expect_list("samples_ms", data.get("samples_ms")))
            lists = {name: tuple(expect_list(name, data.get(name))) for name in ("cold_ms", "labels")}
            data = {**data, "samples_ms": rows, **lists}
        return build(cls, data)


@dataclass(frozen=True)
class Compared:
    """One peer. model: the file's name, sha256: its content's. truth: by picture, the label it should have, None where that is not known.

    pictures: whether pictures were asked about; else the model alone was timed.
    """

    peer: str
    what: str
    model: str
    sha256: str
    threads: int
    pictures: bool
    truth: tuple[str | None, ...]
    ours: Side
    theirs: Side

    def __post_init__(self) -> None:
        expect_types(self, "peers")
        counts = {len(self.truth), len(self.ours.labels), len(self.theirs.labels)}
        if len(counts) > 1 or len(self.ours.samples_ms) != len(self.theirs.samples_ms):
            raise InputRefused("peers", f"expected as many pictures and rounds on both sides of {self.peer}")

    @property
    def ratio(self) -> float:
        """Their time over ours, of each round's pictures that both took, as the median over the rounds."""
        return median(sum(theirs) / sum(ours) for ours, theirs in zip(self.ours.samples_ms, self.theirs.samples_ms, strict=True))

    @property
    def cold_ratio(self) -> float | None:
        """Their cold start over ours, the two of a round together, as the median; None where there is none."""
        ratios = [theirs / ours for ours, theirs in zip(self.ours.cold_ms, self.theirs.cold_ms, strict=True)]
        return median(ratios) if ratios else None

    @property
    def agreement(self) -> float | None:
        """The share of all pictures, 0..1, of which the labels are the same."""
        same = [ours == theirs for ours, theirs in zip(self.ours.labels, self.theirs.labels, strict=True)]
        return sum(same) / len(same) if same else None

    @property
    def refused(self) -> int:
        """How many pictures the peer could not take; we could take all of them."""
        return self.theirs.labels.count(None)

    def accuracy(self, side: Side) -> float | None:
        """The share of pictures, 0..1, to which that side gave the right label; None where that is not known of all."""
        if not self.truth or None in self.truth:
            return None
        return sum(label == right for label, right in zip(side.labels, self.truth, strict=True)) / len(self.truth)

    @classmethod
    def from_data(cls, data: Any) -> "Compared":
        """From what `json.loads` gave of `dataclasses.asdict`."""
        if isinstance(data, dict):
            sides = {name: Side.from_data(data.get(name)) for name in ("ours", "theirs")}
            data = {**data, **sides, "truth": tuple(expect_list("truth", data.get("truth")))}
        return build(cls, data)
