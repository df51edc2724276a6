"""Lays out the confusion matrix of report.html as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MATRIX_PX, MAX_CELL_PX, MIN_CELL_PX = 640, 72, 12
"""The intended side of all cells together, and the limits for the side of one."""
MIN_NUMBERED_CELL_PX = 18
"""The smallest side of a cell that has room for a number."""
MIN_READABLE_CELL_PX = 26
"""The smallest side on a small screen of a cell with a number."""
MAX_FONT_PX = 13.0
MAX_CHARACTERS = 24


@dataclass(frozen=True)
class Cell:
    """Describes one cell of the matrix that has images.

    share: the fraction of its row's images, 0..1.
    title: the cell in words.
    """

    images: int
    share: float
    correct: bool
    title: str


@dataclass(frozen=True)
class ConfusionTable:
    """Describes the whole matrix; rows are the images' classes, columns the predicted.

    Empty cells are None.

    cell_px: the side of a cell, which shrinks to min_cell_px on a small screen.
    font_px: the size of labels and numbers.
    has_numbers: whether the cells show their number of images.
    """

    cell_px: int
    min_cell_px: int
    font_px: float
    has_numbers: bool
    labels: tuple[str, ...]
    rows: tuple[tuple[Cell | None, ...], ...]


def confusion_table(labels: Sequence[str], counts: NDArray[np.integer[Any]]) -> ConfusionTable:
    """Returns the layout of (classes, classes) counts."""
    side = max(MIN_CELL_PX, min(MAX_CELL_PX, MATRIX_PX // len(labels)))
    has_numbers = side >= MIN_NUMBERED_CELL_PX
    return ConfusionTable(
        side,
        min(side, MIN_READABLE_CELL_PX) if has_numbers else MIN_CELL_PX,
        min(MAX_FONT_PX, 0.8 * side),
        has_numbers,
        tuple(shorten(label) for label in labels),
        tuple(_row(labels, index, row.tolist()) for index, row in enumerate(counts)),
    )


def _row(labels: Sequence[str], index: int, counts: list[int]) -> tuple[Cell | None, ...]:
    total = sum(counts)
    cells: list[Cell | None] = [None] * len(counts)
    for column, images in enumerate(counts):
        if images:
            title = f"{labels[index]} predicted as {labels[column]}: {images} of {total} images"
            cells[column] = Cell(images, images / total, index == column, title)
    return tuple(cells)


def shorten(label: str) -> str:
    """Returns a label of at most 24 characters, cut in the middle, where names differ least."""
    if len(label) <= MAX_CHARACTERS:
        return label
    half = MAX_CHARACTERS // 2
    return f"{label[: half - 1]}…{label[-half:]}"
