"""Draws accuracy and loss of each epoch: history.png, and curves for report.html."""

import csv
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runtime.system.json_records import read_text
from train.checkpoints.history import Epoch
from workstation.plotting import DOUBT, MARK, TEXT, figure_svg, page_axes, plot_text, save_png

METRICS = ("accuracy", "loss")
CURVE_SIZE = (440, 230)
"""The size of a curve in report.html, in CSS pixels."""

MAX_MARKERS = 60
"""Epochs: with more, dots would hide the line."""


def plot_history(run: Path, history: Sequence[Epoch]) -> None:
    """Writes history.png: accuracy and loss per epoch, on training and validation images."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), METRICS, strict=True):
        _draw(axes, metric, history)
        axes.grid(alpha=0.3)
        axes.legend()
    save_png(figure, run / "history.png")


def history_curves(run: Path) -> dict[str, str]:
    """Returns the plot of each metric in the run's history.csv as an SVG element."""
    history = read_history(run)
    curves = {}
    for metric in METRICS:
        figure, axes = page_axes(*CURVE_SIZE)
        _draw(axes, metric, history)
        axes.grid(visible=False, axis="x")
        curves[metric] = figure_svg(figure)
    return curves


def _draw(axes: Axes, metric: str, history: Sequence[Epoch]) -> None:
    """Draws both lines; if there are several stages, each name where its stage begins."""
    marker = "o-" if len(history) <= MAX_MARKERS else "-"
    lines = (
        (metric, MARK, "training (augmented)"),
        (f"val_{metric}", DOUBT, "validation"),
    )
    for name, color, label in lines:
        values = [getattr(epoch, name) for epoch in history]
        axes.plot(
            range(1, len(history) + 1),
            values,
            marker,
            color=color,
            label=label,
            linewidth=2,
            markersize=3,
        )
    stages = _stage_starts(history)
    for index, stage in stages if len(stages) > 1 else ():
        start = index + 0.5
        axes.axvline(start, color=TEXT, alpha=0.5, linestyle=":", visible=index > 0)
        axes.text(
            start,
            1.02,
            f" {plot_text(stage)}",
            transform=axes.get_xaxis_transform(),
            color=TEXT,
            fontsize=axes.xaxis.label.get_fontsize(),
        )
    axes.set_xlim(0.5, len(history) + 0.5)
    axes.set_xlabel(f"{metric} by epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _stage_starts(history: Sequence[Epoch]) -> list[tuple[int, str]]:
    """Returns the index of the first epoch of each stage, and the stage's name."""
    starts = [(0, history[0].stage)]
    for index, (before, after) in enumerate(itertools.pairwise(history), start=1):
        if before.stage != after.stage:
            starts.append((index, after.stage))
    return starts


def read_history(run: Path) -> list[Epoch]:
    """Reads history.csv of a run."""
    text = io.StringIO(read_text(run / "history.csv", "no history"), newline="")
    return [
        Epoch(
            row["stage"],
            int(row["epoch"]),
            float(row["loss"]),
            float(row["accuracy"]),
            float(row["val_loss"]),
            float(row["val_accuracy"]),
            float(row["seconds"]),
        )
        for row in csv.DictReader(text)
    ]
