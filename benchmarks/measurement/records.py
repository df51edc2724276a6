"""Defines what one process measured of one model file at one number of threads.

The records are frozen, checked, and can be read back from JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measurement.summary import Summary, summarize
from runtime.errors import InputRefused
from runtime.shared.wording import counted
from runtime.system.json_records import expect_text
from runtime.system.typed_json import read_as

MIN_MS, MAX_MS = 1e-4, 1e9
"""The unit that samples are rounded to, so that every run takes some time; and 11 days."""


@dataclass(frozen=True)
class ColdStart:
    """Holds the ms from the start of a process to its first answer.

    The parts are Python itself, all imports, loading the file, and the first image. The files are
    in the page cache, unless it is the first start of all.
    """

    python_ms: float
    import_ms: float
    load_ms: float
    first_ms: float

    def __post_init__(self) -> None:
        expect_ms("coldstart", self.python_ms, self.import_ms, self.load_ms, self.first_ms)

    @property
    def total_ms(self) -> float:
        """The sum of all parts."""
        return self.python_ms + self.import_ms + self.load_ms + self.first_ms


@dataclass(frozen=True)
class Stages:
    """Holds the ms of each stage, for the same images in the same order.

    The stages lead from the file's content to upright RGB, to the model's size, to its input,
    through the interpreter, and to labels.
    """

    decode_ms: tuple[float, ...]
    resize_ms: tuple[float, ...]
    quantize_ms: tuple[float, ...]
    invoke_ms: tuple[float, ...]
    post_ms: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = {len(values) for values in vars(self).values()}
        if len(counts) != 1 or counts == {0}:
            raise InputRefused("latency", "expected every stage to be timed equally often")
        for name, values in vars(self).items():
            expect_ms(name, *values)
        expect_ms("stages.invoke_ms", *self.invoke_ms, minimum=MIN_MS)

    def medians(self) -> dict[str, float]:
        """Returns the median ms of each stage, by its name."""
        return {
            name.removesuffix("_ms"): summarize(values).p50_ms
            for name, values in vars(self).items()
        }

    def whole(self) -> Summary:
        """Returns the summary of all stages together."""
        return summarize([sum(parts) for parts in zip(*vars(self).values(), strict=True)])


@dataclass(frozen=True)
class Memory:
    """Holds the resident set in bytes: of bare Python, after all samples, and at its peak."""

    bare_bytes: int
    steady_bytes: int
    peak_bytes: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                reason = f"expected {name} to be a whole number from 0, found {value!r}"
                raise InputRefused("latency", reason)


@dataclass(frozen=True)
class Measurement:
    """Holds the figures of one model file with `threads` interpreter threads.

    model_folder: of the file, as the user named it; it distinguishes artifacts of one name.
    images: how many different ones; 0: random pixels, because no image was available.
    samples_ms: every `Classifier.scores` on pixels, in order.
    invoke_ms: the interpreter's own part of each sample.
    overhead_us: what the timing adds to a sample.
    stages, memory, cold_starts: absent if two models shared a process.
    power_w: of the board while the model runs without a pause; None: not known.
    accuracy: of the artifact on the test images, from the bundle's parity.json; None: not known.
    """

    model_folder: str
    artifact: str
    format: str
    precision: str
    sha256: str
    size_bytes: int
    interpreter: str
    threads: int
    images: int
    samples_ms: tuple[float, ...]
    invoke_ms: tuple[float, ...]
    overhead_us: float
    stages: Stages | None = None
    memory: Memory | None = None
    cold_starts: tuple[ColdStart, ...] = ()
    power_w: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        expect_text(self, "model_folder", "artifact", "format", "precision", "sha256")
        expect_text(self, "interpreter")
        for name, minimum in (("size_bytes", 1), ("threads", 1), ("images", 0)):
            value = getattr(self, name)
            if value < minimum:
                reason = f"expected measurement.{name} to be at least {minimum}, found {value}"
                raise InputRefused("latency", reason)
        counts = len(self.samples_ms), len(self.invoke_ms)
        if not counts[0] or counts[0] != counts[1]:
            reason = "expected samples, and as many of invoke_ms, found {} and {}"
            raise InputRefused("latency", reason.format(*counts))
        expect_ms("samples_ms", *self.samples_ms, minimum=MIN_MS)
        expect_ms("invoke_ms", *self.invoke_ms, self.overhead_us)
        if self.power_w is not None:
            expect_ms("power_w", self.power_w)
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise InputRefused("latency", f"expected accuracy from 0 to 1, found {self.accuracy!r}")

    @property
    def summary(self) -> Summary:
        """The summary of the samples."""
        return summarize(self.samples_ms)

    @property
    def energy_mj(self) -> float | None:
        """The millijoules that the whole board takes for an image; None: not known."""
        return None if self.power_w is None else self.power_w * self.summary.mean_ms

    @classmethod
    def from_data(cls, data: Any) -> "Measurement":
        """Makes a measurement of the JSON object that `dataclasses.asdict` wrote."""
        measurement: Measurement = read_as(cls, data, "measurement")
        return measurement


def label(measurement: Measurement, among: Sequence[Measurement]) -> str:
    """Returns the name of its model file, with the folder if `among` come from several folders."""
    if len({other.model_folder for other in among}) == 1:
        return measurement.artifact
    return f"{measurement.model_folder}/{measurement.artifact}"


def label_with_threads(measurement: Measurement, among: Sequence[Measurement]) -> str:
    """Returns the label and the number of threads."""
    return f"{label(measurement, among)}, {threads_text(measurement.threads)}"


def threads_text(threads: int) -> str:
    """Returns a text such as "1 thread"."""
    return counted(threads, "thread")


def expect_ms(name: str, *values: Any, minimum: float = 0) -> None:
    """Checks that all values are finite numbers of at least `minimum`, below MAX_MS."""
    for value in values:
        if type(value) not in (int, float) or not minimum <= value < MAX_MS:
            raise InputRefused(
                "latency",
                f"expected {name} to be finite numbers from {minimum:g}, found {str(value)[:50]!r}",
            )
