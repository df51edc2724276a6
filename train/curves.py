"""The geometry of the training curves, as path data for inline SVG."""

import csv
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.records import read_text

WIDTH, HEIGHT = 460, 200
"""Of a plot; the same units as in the template."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in the plot's units, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Curves:
    """Training and validation, epoch by epoch: path data, marks on both axes, and the places where a new stage begins."""

    name: str
    train: str
    val: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    stages: tuple[Tick, ...]


def read_curves(run: Path) -> tuple[Curves, ...]:
    """Accuracy and loss of the run's history.csv."""
    rows = list(csv.DictReader(io.StringIO(read_text(run / "history.csv", "no history"), newline="")))
    stages = [row["stage"] for row in rows]
    return tuple(
        curves(name, [float(row[name]) for row in rows], [float(row[f"val_{name}"]) for row in rows], stages)
        for name in ("accuracy", "loss")
    )


def curves(name: str, train: Sequence[float], val: Sequence[float], stages: Sequence[str]) -> Curves:
    """The plot of one figure, of at least one epoch: `train`, `val` and `stages` have a value for each."""
    step = nice_step(max(max(train), max(val)) - min(min(train), min(val)))
    low = math.floor(min(min(train), min(val)) / step) * step
    high = math.ceil(max(max(train), max(val)) / step) * step
    high = high if high > low else low + step

    def x(epoch: int) -> float:
        return round(WIDTH * (epoch + 0.5) / len(train), 1)

    def y(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 1)

    def line(values: Sequence[float]) -> str:
        return "M" + "L".join(f"{x(epoch)} {y(value)}" for epoch, value in enumerate(values))

    stride = max(1, math.ceil(len(train) / 10))
    borders = [epoch for epoch, (before, after) in enumerate(itertools.pairwise(stages), start=1) if before != after]
    return Curves(
        name,
        line(train),
        line(val),
        across=tuple(Tick(x(epoch), str(epoch + 1)) for epoch in range(0, len(train), stride)),
        up=tuple(Tick(y(low + step * n), f"{low + step * n:.4g}") for n in range(round((high - low) / step) + 1)),
        stages=tuple(Tick(round(WIDTH * epoch / len(train), 1), stages[epoch]) for epoch in (0, *borders)),
    )


def nice_step(span: float) -> float:
    """1, 2 or 5 times a power of ten: about four steps to a span."""
    if span <= 0:
        return 0.1
    power: float = 10 ** math.floor(math.log10(span / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span / 4)
