"""Draws confusion.png, the confusion matrix for slides and papers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from train.report.confusion_matrix import shorten
from workstation.plotting import plot_text, save_png

MAX_NUMBERED_CLASSES = 30
"""With more classes, numbers in the cells would be too small to read."""


def plot_confusion(run: Path, labels: Sequence[str], counts: NDArray[np.integer[Any]]) -> None:
    """Draws (classes, classes) counts: rows are the images' classes, columns the predicted.

    The colour shows the square root of a count's fraction of its row, so that single images show.
    """
    classes = len(labels)
    inches = min(24.0, max(4.5, 2.5 + 0.38 * classes))
    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(np.sqrt(counts / totals), cmap="Blues", vmin=0, vmax=1)
    font_size = 10 if classes <= MAX_NUMBERED_CLASSES else 1150 / (classes + 30)
    names = [plot_text(shorten(label)) for label in labels]
    axes.set_xticks(range(classes), names, rotation=90, fontsize=font_size)
    axes.set_yticks(range(classes), names, fontsize=font_size)
    axes.set(xlabel="predicted class", ylabel="class of the image")
    if classes <= MAX_NUMBERED_CLASSES:
        for row, column in np.argwhere(counts):
            dark = counts[row, column] > totals[row, 0] / 3
            axes.text(
                column,
                row,
                str(counts[row, column]),
                ha="center",
                va="center",
                fontsize=font_size,
                color="white" if dark else "black",
            )
    save_png(figure, run / "confusion.png")
