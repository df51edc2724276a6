"""What one process measured of one model file at one number of threads: frozen, checked, and back from JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.samples import Summary, summarise
from benchmarks.typed import expect_types
from runtime.errors import InputRefused
from runtime.records import build, expect_list, expect_text

LEAST_MS, MOST_MS = 1e-4, 1e9
"""The shortest run that can be told from none, as samples are rounded to it, and 11 days."""


@dataclass(frozen=True)
class ColdStart:
    """From the start of a process to its first answer, in ms: Python itself, all imports, the file loaded, one picture.

    The files were in the page cache, unless it was the first time.
    """

    python_ms: float
    import_ms: float
    load_ms: float
    first_ms: float

    def __post_init__(self) -> None:
        expect_ms("coldstart", self.python_ms, self.import_ms, self.load_ms, self.first_ms)

    @property
    def total_ms(self) -> float:
        """All of it."""
        return self.python_ms + self.import_ms + self.load_ms + self.first_ms


@dataclass(frozen=True)
class Stages:
    """Of the same pictures, in ms: file content to upright RGB, to the model's size, to its input, the interpreter, to labels."""

    decode_ms: tuple[float, ...]
    resize_ms: tuple[float, ...]
    quantize_ms: tuple[float, ...]
    invoke_ms: tuple[float, ...]
    post_ms: tuple[float, ...]

    def __post_init__(self) -> None:
        expect_types(self, "latency")
        counts = {len(values) for values in vars(self).values()}
        if len(counts) != 1 or counts == {0}:
            raise InputRefused("latency", "expected every stage to have been timed equally often")
        for name, values in vars(self).items():
            expect_ms(name, *values)
        expect_ms("stages.invoke_ms", *self.invoke_ms, least=LEAST_MS)

    def medians(self) -> dict[str, float]:
        """The median ms of each stage, by its name."""
        return {name.removesuffix("_ms"): summarise(values).p50_ms for name, values in vars(self).items()}

    def whole(self) -> Summary:
        """From file content to labels."""
        return summarise([sum(parts) for parts in zip(*vars(self).values(), strict=True)])


@dataclass(frozen=True)
class Memory:
    """Resident set in bytes: of bare Python, with the model after all samples, and at its highest."""

    bare_bytes: int
    steady_bytes: int
    peak_bytes: int

    def __post_init__(self) -> None:
        expect_types(self, "latency")
        for name, value in vars(self).items():
            if value < 0:
                raise InputRefused("latency", f"expected {name} to be a whole number, found {value!r}")


@dataclass(frozen=True)
class Measurement:
    """One model file, `threads` interpreter threads.

    model: the bundle folder or the folder of the file, as the user named it; it tells artifacts of one name apart.
    samples_ms: every sample of `Classifier.scores` on pixels, in order; invoke_ms: of these, the interpreter's own part.
    pictures: how many different ones; 0: random pixels, since no picture was to be had.
    stages, memory and cold_starts are absent where two models shared a process.
    power_w: of the board while the model runs without a pause (a Raspberry Pi 5 tells it); None: not known.
    accuracy: of the artifact on the test pictures, as the bundle's parity.json says it; None: not known.
    """

    model: str
    artifact: str
    format: str
    precision: str
    sha256: str
    size_bytes: int
    interpreter: str
    threads: int
    pictures: int
    samples_ms: tuple[float, ...]
    invoke_ms: tuple[float, ...]
    overhead_us: float
    stages: Stages | None = None
    memory: Memory | None = None
    cold_starts: tuple[ColdStart, ...] = ()
    power_w: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        expect_types(self, "latency")
        expect_text(self, "model", "artifact", "format", "precision", "sha256", "interpreter")
        for name, least in (("size_bytes", 1), ("threads", 1), ("pictures", 0)):
            if getattr(self, name) < least:
                raise InputRefused("latency", f"expected measurement.{name} from {least}, found {getattr(self, name)}")
        if not self.samples_ms or len(self.samples_ms) != len(self.invoke_ms):
            raise InputRefused(
                "latency", f"expected samples, and as many of invoke_ms, found {len(self.samples_ms)} and {len(self.invoke_ms)}"
            )
        expect_ms("samples_ms", *self.samples_ms, least=LEAST_MS)
        expect_ms("invoke_ms", *self.invoke_ms, self.overhead_us)
        if self.power_w is not None:
            expect_ms("power_w", self.power_w)
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise InputRefused("latency", f"expected accuracy from 0 to 1, found {self.accuracy!r}")

    @property
    def summary(self) -> Summary:
        """What may be said of the samples."""
        return summarise(self.samples_ms)

    @property
    def energy_mj(self) -> float | None:
        """Millijoules a picture, of the whole board; None: not known."""
        return None if self.power_w is None else self.power_w * self.summary.mean_ms

    @classmethod
    def from_data(cls, data: Any) -> "Measurement":
        """From what `json.loads` gave of `dataclasses.asdict`."""
        if isinstance(data, Mapping):
            data = dict(data)
            data["stages"] = None if data.get("stages") is None else build(Stages, _tuples(data["stages"]))
            data["memory"] = None if data.get("memory") is None else build(Memory, data["memory"])
            data["cold_starts"] = tuple(build(ColdStart, one) for one in expect_list("cold_starts", data.get("cold_starts", [])))
            data = _tuples(data)
        return build(cls, data)


def label(one: Measurement, among: Sequence[Measurement]) -> str:
    """What to call it among others: its model file, and its folder where those are several."""
    return one.artifact if len({other.model for other in among}) == 1 else f"{one.model}/{one.artifact}"


def label_with_threads(one: Measurement, among: Sequence[Measurement]) -> str:
    """The same with the number of threads."""
    return f"{label(one, among)}, {threads_text(one.threads)}"


def threads_text(threads: int) -> str:
    """As "1 thread"."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def _tuples(data: Any) -> Any:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()} if isinstance(data, Mapping) else data


def expect_ms(name: str, *values: Any, least: float = 0) -> None:
    """Refuses values that are no finite number from `least`."""
    for value in values:
        if type(value) not in (int, float) or not least <= value < MOST_MS:
            raise InputRefused("latency", f"expected {name} to be finite numbers from {least:g}, found {str(value)[:50]!r}")
