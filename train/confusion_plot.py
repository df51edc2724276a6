"""confusion.png: the confusion matrix for slides and papers; report.html has one to point at."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from runtime.atomic import new_file
from train.matrix import shorten

MOST_NUMBERS = 30
"""Of classes: with more, numbers in the cells would be too small to read."""


def plot_confusion(run: Path, labels: Sequence[str], counts: NDArray[np.integer[Any]]) -> None:
    """Draws (classes, classes) counts: rows are the pictures' classes, columns what was said.

    The colour is the square root of a count's part of its row, so that single pictures show.
    """
    classes = len(labels)
    inches = min(24.0, max(4.5, 2.5 + 0.38 * classes))
    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(np.sqrt(counts / totals), cmap="Blues", vmin=0, vmax=1)
    size = 10 if classes <= MOST_NUMBERS else 1150 / (classes + 30)
    names = [_plain(shorten(label)) for label in labels]
    axes.set_xticks(range(classes), names, rotation=90, fontsize=size)
    axes.set_yticks(range(classes), names, fontsize=size)
    axes.set(xlabel="called", ylabel="is")
    if classes <= MOST_NUMBERS:
        for row, column in np.argwhere(counts):
            strong = counts[row, column] > totals[row, 0] / 3
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=size, color="white" if strong else "black")
    with new_file(run / "confusion.png") as path, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the font has no Chinese: boxes; report.html has the names
        figure.savefig(path, dpi=120, metadata={"Software": None})


def _plain(label: str) -> str:
    """Without the dollar signs in which matplotlib would look for formulas."""
    return label.replace("$", r"\$")
